import process from 'node:process';
import { openDatabase } from '@parley/database';
import { createLogger } from '@parley/runtime';
import { createProjectionRuntime } from '../src/index.ts';
import { createSimulatedLog } from './simulated-log.ts';
import { service, someWords, wordsProjection } from './words-projection.ts';

// A process of its own that runs the toy projection over a log that is the same in every process, and that sends
// itself a signal when it has reached a failpoint so often.

export interface ToyProcess {
  readonly url: string;
  readonly holder: string;
  readonly leaseMs: number;
  readonly batchSize: number;
  readonly partitionCount: number;
  /** In each partition. */
  readonly wordCount: number;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  readonly failpoint: string;
  readonly reachedCount: number;
}

const options: ToyProcess = JSON.parse(process.argv[2] ?? '');
const logger = createLogger({ service: options.holder, level: 'silent' });
const log = createSimulatedLog({ partitionCount: options.partitionCount });
for (let partition = 0; partition < options.partitionCount; partition += 1) {
  log.append(partition, someWords(options.wordCount));
}
const db = await openDatabase({
  url: options.url,
  service,
  poolSize: 10,
  applicationName: options.holder,
  statementTimeoutMs: 10_000,
  logger,
});
let reachedCount = 0;
createProjectionRuntime({
  db,
  source: log,
  projections: [wordsProjection()],
  holder: options.holder,
  now: () => new Date(),
  logger,
  leaseMs: options.leaseMs,
  batchSize: options.batchSize,
  reachFailpoint: (failpoint) => {
    if (failpoint !== options.failpoint) return;
    reachedCount += 1;
    if (reachedCount === options.reachedCount) process.kill(process.pid, options.signal);
  },
}).start();
