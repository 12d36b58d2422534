import { parentPort } from 'node:worker_threads';
import { create, toBinary } from '@bufbuild/protobuf';
import { Sentiment, UnderstandingSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { decodeIntentModel, readIntent, readSentiment } from '@parley/language';
import type { IntentModel } from '@parley/language';
import { createModelCache } from './model-cache.ts';
import type { ReadingAnswer, ReadingModel, ReadingRequest, TextToRead } from './reading-protocol.ts';
import { commonIntents, commonIntentsName, sentimentModel, sentimentModelName } from './shipped-models.ts';

const port = parentPort;
if (port === null) throw new Error('This runs in a thread.');

const maxModelBytes = 64 * 1024 * 1024;
const models = createModelCache<IntentModel>(maxModelBytes);

const sentiments = {
  positive: Sentiment.POSITIVE,
  neutral: Sentiment.NEUTRAL,
  negative: Sentiment.NEGATIVE,
} as const;

port.on('message', (request: ReadingRequest) => {
  if (request.kind === 'model') {
    models.keep(request.key, decodeIntentModel(request.bytes), request.bytes.length);
    return;
  }
  const { answer, transfer } = answerTo(request);
  port.postMessage(answer, transfer);
});

function answerTo({ id, model, texts }: Extract<ReadingRequest, { kind: 'read' }>): {
  readonly answer: ReadingAnswer;
  readonly transfer: readonly ArrayBuffer[];
} {
  try {
    const intents = model.key === '' ? commonIntents : models.find(model.key);
    if (intents === undefined) return { answer: { kind: 'missing', id }, transfer: [] };
    const messages = texts.map((text) => understand(intents, model, text));
    const lengths = Uint32Array.from(messages, (message) => message.length);
    const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    let end = 0;
    for (const message of messages) {
      bytes.set(message, end);
      end += message.length;
    }
    return { answer: { kind: 'read', id, bytes, lengths }, transfer: [bytes.buffer, lengths.buffer] };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { answer: { kind: 'failed', id, message }, transfer: [] };
  }
}

function understand(
  intents: IntentModel,
  { key, version, threshold }: ReadingModel,
  { text, wantsIntent, wantsSentiment }: TextToRead,
): Uint8Array {
  const names: string[] = [];
  const understanding = create(UnderstandingSchema);
  if (wantsIntent) {
    Object.assign(understanding, readIntent(intents, text, threshold));
    names.push(key === '' ? commonIntentsName : `intents/${version}`);
  }
  if (wantsSentiment) {
    const { sentiment, score, confidence } = readSentiment(sentimentModel, text);
    understanding.sentiment = sentiments[sentiment];
    understanding.sentimentScore = score;
    understanding.sentimentConfidence = confidence;
    names.push(sentimentModelName);
  }
  understanding.modelVersion = names.join(' ');
  return toBinary(UnderstandingSchema, understanding);
}
