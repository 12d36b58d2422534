import { hash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { DomainError } from '@parley/errors';
import { encodeIntentModel, outOfScopeLabel, trainIntents } from '@parley/language';
import type { TrainingAnswer, TrainingExample } from './training.ts';

const port = parentPort;
if (port === null) throw new Error('This runs in a thread.');
const answer = (told: TrainingAnswer): void => port.postMessage(told);

try {
  const examples: readonly TrainingExample[] = workerData;
  const { model, quality } = trainIntents(examples, {
    onProgress: (share) => answer({ kind: 'progress', share }),
  });
  const bytes = encodeIntentModel(model);
  answer({
    kind: 'done',
    model: {
      exampleCount: examples.length,
      intents: model.intents.filter((intent) => intent !== outOfScopeLabel),
      quality,
      contentHash: hash('sha256', bytes).slice(0, 16),
      bytes,
    },
  });
} catch (error) {
  if (error instanceof DomainError && error.kind === 'invalid-argument') {
    answer({ kind: 'refused', violations: error.violations });
  } else {
    answer({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
}
