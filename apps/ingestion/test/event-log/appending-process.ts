// A process that appends, one call at a time, what its standard input says: lines of JSON, each a list of texts. Says
// each call's outcomes on standard output. Tests kill it.
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { openDatabase } from '@parley/database';
import { eventKeyOf, eventKinds } from '@parley/event';
import { createLogger } from '@parley/runtime';
import { armFailpoint } from '../../src/event-log/failpoint.ts';
import { createPrivacyGate } from '../../src/privacy/privacy-gate.ts';
import { appendConnections, openPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';

const [appendUrl = '', workerUrl = '', failpoint] = process.argv.slice(2);
const logger = createLogger({ service: 'appending-process', level: 'fatal' });
const settings = {
  service: 'ingestion',
  applicationName: 'appending process',
  statementTimeoutMs: 10_000,
  logger,
};
const worker = await openDatabase({ ...settings, url: workerUrl, poolSize: 2 });
const log = openPostgresEventLog({
  append: await openDatabase({ ...settings, url: appendUrl, poolSize: appendConnections }),
  worker,
  rules: createPrivacyGate(worker),
  logger,
  reach: armFailpoint(failpoint, () => process.kill(process.pid, 'SIGKILL')),
});

for await (const line of createInterface({ input: process.stdin })) {
  const texts: readonly string[] = JSON.parse(line);
  const results = await log.append(
    texts.map((text) => ({
      partition: 0,
      tenantId: '0190a5e4-0000-7000-8000-000000000001',
      kind: eventKinds.interaction,
      eventKey: eventKeyOf(text),
      fingerprint: createHash('sha256').update(text).digest().readBigInt64BE(),
      occurredAt: undefined,
      body: Buffer.from(text),
      sameContentAs: () => false,
    })),
  );
  process.stdout.write(`${JSON.stringify(results.map(({ outcome }) => outcome))}\n`);
}
