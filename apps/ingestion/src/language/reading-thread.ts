import { parentPort } from 'node:worker_threads';
import { decodeIntentModel, partsOf, readIntent, readSentiment } from '@parley/language';
import type { IntentModel } from '@parley/language';
import { encodeUnderstanding } from './encode-understanding.ts';
import { createModelCache } from './model-cache.ts';
import { wants } from './reading-protocol.ts';
import type { ReadingAnswer, ReadingModel, ReadingRequest } from './reading-protocol.ts';
import {
  commonIntents,
  commonIntentsName,
  commonThreshold,
  sentimentModel,
  sentimentModelName,
} from './shipped-models.ts';

const port = parentPort;
if (port === null) throw new Error('This runs in a thread.');

const maxModelBytes = 64 * 1024 * 1024;
const models = createModelCache<IntentModel>(maxModelBytes);

port.on('message', (request: ReadingRequest) => {
  if (request.kind === 'model') {
    models.keep(request.key, decodeIntentModel(request.bytes), request.bytes.length);
    return;
  }
  const { answer, transfer } = answerTo(request);
  port.postMessage(answer, transfer);
});

function answerTo({ id, model, texts, wants: sought }: Extract<ReadingRequest, { kind: 'read' }>): {
  readonly answer: ReadingAnswer;
  readonly transfer: readonly ArrayBuffer[];
} {
  try {
    const intents = model.key === '' ? commonIntents : models.find(model.key);
    if (intents === undefined) return { answer: { kind: 'missing', id }, transfer: [] };
    const messages = texts.map((text, index) => understand(intents, model, text, sought[index] ?? 0));
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
  text: string,
  sought: number,
): Uint8Array {
  const parts = partsOf(text);
  const usual = key === '' ? commonThreshold : undefined;
  const names: string[] = [];
  if (sought & wants.intent) names.push(key === '' ? commonIntentsName : `intents/${version}`);
  if (sought & wants.sentiment) names.push(sentimentModelName);
  return encodeUnderstanding({
    ...(sought & wants.intent && { intent: readIntent(intents, parts, threshold ?? usual) }),
    ...(sought & wants.sentiment && { sentiment: readSentiment(sentimentModel, parts) }),
    modelVersion: names.join(' '),
  });
}
