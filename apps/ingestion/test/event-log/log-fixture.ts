import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { openDatabase, type Database } from '@parley/database';
import { eventKinds, type LogEvent } from '@parley/event';
import { createLogger, systemNow } from '@parley/runtime';
import { prepareService, testCluster, type TestCluster, type TestDatabase } from '@parley/testing';
import { onTestFinished } from 'vitest';
import type { AppendResult, EventLog, NewEvent } from '../../src/event-log/event-log.ts';
import { ensureMonths } from '../../src/event-log/months.ts';
import {
  appendConnections,
  openPostgresEventLog,
  type PostgresEventLogOptions,
} from '../../src/event-log/postgres-event-log.ts';
import { createPrivacyGate } from '../../src/privacy/privacy-gate.ts';
import { createEventLog } from '../../src/storage/migrations/0001-create-event-log.ts';
import { createProjections } from '../../src/storage/migrations/0005-create-projections.ts';
import { createRetention } from '../../src/storage/migrations/0017-create-retention.ts';
import { createPrivacy } from '../../src/storage/migrations/0018-create-privacy.ts';
import { claimOffsets } from '../../src/storage/migrations/0019-claim-offsets.ts';
import { sealRawEvents } from '../../src/storage/migrations/0022-seal-raw-events.ts';

export const logger = createLogger({ service: 'ingestion', level: 'fatal' });

const DEBIAN_15 = '/usr/lib/postgresql/15/bin';

/** A cluster of each Postgres that the log is tested on: the embedded one, and Debian's 15 where it is installed. */
export async function testClusters(): Promise<
  readonly { readonly name: string; readonly cluster: TestCluster }[]
> {
  return [
    { name: 'Postgres 18', cluster: await testCluster() },
    ...(existsSync(DEBIAN_15)
      ? [{ name: 'Postgres 15', cluster: await testCluster({ binDir: DEBIAN_15 }) }]
      : []),
  ];
}

/** A database with the log's tables, and how to look at it as whoever. */
export interface LogDatabase {
  readonly database: TestDatabase;
  /** Connections of a role, closed after the test. */
  open(role: 'owner' | 'app' | 'worker' | 'append' | 'postgres', poolSize?: number): Promise<Database>;
  /** A log of its own, as another process would have; closed after the test. */
  openLog(options?: Partial<PostgresEventLogOptions>): Promise<EventLog>;
}

export async function logDatabase(cluster: TestCluster): Promise<LogDatabase> {
  const prepare = prepareService({
    service: 'ingestion',
    migrations: [
      createEventLog,
      createProjections,
      createRetention,
      createPrivacy,
      claimOffsets,
      sealRawEvents,
    ],
    roles: ['app', 'worker', 'append'],
  });
  const database = await cluster.database('ingestion', async (template) => {
    await prepare(template);
    const owner = await openRole(template, 'owner', 1);
    await ensureMonths(owner, systemNow());
    await owner.close();
  });
  const open: LogDatabase['open'] = async (role, poolSize = 4) => {
    const opened = await openRole(database, role, poolSize);
    onTestFinished(() => opened.close());
    return opened;
  };
  return {
    database,
    open,
    openLog: async (options = {}) => {
      const worker = await open('worker');
      const log = openPostgresEventLog({
        append: await open('append', appendConnections),
        worker,
        rules: createPrivacyGate(worker),
        logger,
        ...options,
      });
      onTestFinished(() => log.close());
      return log;
    },
  };
}

function openRole(
  database: TestDatabase,
  role: Parameters<LogDatabase['open']>[0],
  poolSize: number,
): Promise<Database> {
  return openDatabase({
    url: role === 'postgres' ? database.adminUrl : database.urlFor(`ingestion_${role}`),
    service: 'ingestion',
    poolSize,
    applicationName: `test ${role}`,
    statementTimeoutMs: 10_000,
    logger,
  });
}

export const tenant = '0190a5e4-0000-7000-8000-000000000001';

/** An event whose content is a text; two of the same key and text are the same event. */
export function event(text: string, fields: Partial<NewEvent> = {}): NewEvent {
  const body = Buffer.from(text);
  return {
    partition: 0,
    tenantId: tenant,
    kind: eventKinds.interaction,
    eventKey: randomUUID(),
    fingerprint: createHash('sha256').update(body).digest().readBigInt64BE(),
    occurredAt: undefined,
    body,
    sameContentAs: (stored) => body.equals(stored),
    ...fields,
  };
}

/** What a partition holds after an offset: waits until `count` events have come, at most 10 s. */
export async function read(log: EventLog, partition: number, count: number, after = 0n): Promise<LogEvent[]> {
  const events: LogEvent[] = [];
  if (count === 0) return events;
  const signal = AbortSignal.timeout(10_000);
  for await (const batch of log.tail({ partition, afterOffset: after, maxBatchSize: 1_000, signal })) {
    events.push(...batch.events);
    if (events.length >= count) return events;
  }
  throw new Error(`Only ${events.length} of ${count} events came within 10 s.`);
}

export function textOf({ body }: LogEvent): string | undefined {
  return body === undefined ? undefined : Buffer.from(body).toString();
}

/** Where an event is; undefined when it was refused. */
export function offsetOf(result: AppendResult): bigint | undefined {
  return result.outcome === 'refused' ? undefined : result.offset;
}
