export { maxTextLength, partsOf } from './features.ts';
export type { TextParts } from './features.ts';
export { fallbackIntent, outOfScopeLabel, readIntent, usualThreshold } from './intent-model.ts';
export type { IntentModel, IntentReading } from './intent-model.ts';
export type { IntentQuality, QualityOfIntent } from './intent-quality.ts';
export {
  decodeIntentModel,
  decodeSentimentModel,
  encodeIntentModel,
  encodeSentimentModel,
} from './model-bytes.ts';
export { readSentiment, sentiments } from './sentiment-model.ts';
export type { SentimentModel, SentimentName, SentimentReading } from './sentiment-model.ts';
export { trainingLimits, trainIntents } from './train-intents.ts';
export type { IntentExample, TrainedIntents, TrainingOptions } from './train-intents.ts';
export { trainSentiment } from './train-sentiment.ts';
export type { SentimentExample } from './train-sentiment.ts';
export { createValenceLexicon } from './valence.ts';
export type { ValenceLexicon } from './valence.ts';
