export { maxTextLength } from './features.ts';
export { fallbackIntent, outOfScopeLabel, readIntent, usualThreshold } from './intent-model.ts';
export type { IntentModel, IntentReading } from './intent-model.ts';
export type { IntentQuality, QualityOfIntent } from './intent-quality.ts';
export { decodeIntentModel, encodeIntentModel } from './model-bytes.ts';
export { trainingLimits, trainIntents } from './train-intents.ts';
export type { IntentExample, TrainedIntents, TrainingOptions } from './train-intents.ts';
