import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createParleyClient, FeedbackType, MetricCategory, AggregationPeriod, Outcome } from '@parley/client';
import type { DroppedEvent, ParleyClient, ParleyClientOptions } from '@parley/client';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startChild } from '../src/child-process.ts';
import { createTenant, type TenantKeys } from '../src/credentials.ts';
import { query } from '../src/query.ts';
import { startServiceProcesses, type ServiceProcesses } from '../src/service-processes.ts';

let folder: string;
let processes: ServiceProcesses;
let tenant: TenantKeys;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-client-'));
  processes = await startServiceProcesses(folder);
  const url = processes.urlOf('ingestion');
  tenant = await createTenant({ url, operatorKey: processes.operatorKey }, `client-${randomUUID()}`);
}, 120_000);
afterAll(async () => {
  await processes?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const flushMs = 30_000;

/** How many interactions with this bot the log holds; found by the text in their bytes. */
async function storedTimes(botId: string): Promise<number> {
  const [row] = await query<{ count: string }>(
    processes.databaseUrl,
    `select count(*) from ingestion.events where kind = 1 and position($1::bytea in body) > 0`,
    [Buffer.from(botId)],
  );
  return Number(row?.count);
}

describe.each(['connect', 'grpc'] as const)('over %s', (transport) => {
  function open(options: Partial<ParleyClientOptions> = {}): {
    client: ParleyClient;
    dropped: DroppedEvent[];
    errors: Error[];
  } {
    const dropped: DroppedEvent[] = [];
    const errors: Error[] = [];
    const client = createParleyClient({
      url: processes.urlOf('ingestion'),
      key: tenant.keys.ingest,
      transport,
      maxAgeMs: 50,
      longestPauseMs: 500,
      onDrop: (event) => dropped.push(event),
      onError: (error) => errors.push(error),
      ...options,
    });
    onTestFinished(async () => void (await client.shutdown({ timeoutMs: 0 })));
    return { client, dropped, errors };
  }

  test('every kind of event is stored, and a repeat under the same id is a duplicate', async () => {
    const { client, dropped } = open();
    const ids = { interaction: randomUUID(), conversion: randomUUID() };
    const occurredAt = new Date();
    const record = (): string[] => [
      client.interaction({ eventId: ids.interaction, occurredAt, botId: 'bot', messageText: 'hi' }),
      client.complete({ interactionId: ids.interaction, occurredAt, responseText: 'ho', responseTimeMs: 12 }),
      client.conversion({
        eventId: ids.conversion,
        occurredAt,
        interactionId: ids.interaction,
        outcome: Outcome.PURCHASED,
        value: { currencyCode: 'USD', minorUnits: 2900n },
      }),
    ];
    expect(record()).toEqual([ids.interaction, ids.interaction, ids.conversion]);
    const others = [
      client.refund({ conversionId: ids.conversion, value: { currencyCode: 'USD', minorUnits: 100n } }),
      client.feedback({ interactionId: ids.interaction, type: FeedbackType.CSAT, rating: 5 }),
      client.handoff({ interactionId: ids.interaction }),
      client.member({ memberId: 'm', segments: ['free_user'] }),
      client.user({ userId: 'u' }),
      client.exposure({ experimentId: 'x', variantKey: 'a', unitId: 'm' }),
      client.botPerformanceMetric({
        botId: 'bot',
        metricCategory: MetricCategory.HEALTH,
        metricType: 'latency',
        metricValue: 1.5,
        aggregationPeriod: AggregationPeriod.HOURLY,
        sampleSize: 10,
      }),
    ];
    for (const id of others) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/);
    expect(await client.flush({ timeoutMs: flushMs })).toEqual({ complete: true, queued: 0 });
    record();
    expect(await client.flush({ timeoutMs: flushMs })).toEqual({ complete: true, queued: 0 });
    expect(dropped).toEqual([]);
    expect(client.stats()).toMatchObject({
      recorded: 13,
      accepted: 10,
      duplicates: 3,
      queued: 0,
      queuedBytes: 0,
    });
  });

  test('what the service refuses is told by event, and does not hold up the others', async () => {
    const { client, dropped } = open();
    const id = client.interaction({ botId: 'bot', messageText: 'one' });
    await client.flush({ timeoutMs: flushMs });
    client.interaction({ eventId: id, botId: 'bot', messageText: 'two' });
    const bad = client.interaction({ botId: '' });
    client.interaction({ botId: 'bot' });
    await client.flush({ timeoutMs: flushMs });
    expect(client.stats()).toMatchObject({ accepted: 2, conflicts: 1, rejected: 1 });
    expect(dropped).toEqual([
      expect.objectContaining({ id, reason: 'conflict' }),
      expect.objectContaining({
        id: bad,
        reason: 'rejected',
        message: expect.stringContaining('INVALID_FIELDS'),
      }),
    ]);
  });

  test('a key that is not known loses nothing at once and is told', async () => {
    const { client, errors, dropped } = open({ key: 'pk_unknown_unknown' });
    client.interaction({ botId: 'bot' });
    expect(await client.flush({ timeoutMs: 700 })).toEqual({ complete: false, queued: 1 });
    expect(errors[0]).toMatchObject({ name: 'CallFailure', code: 16, remedy: 'wait' });
    expect(dropped).toEqual([]);
    expect(await client.shutdown({ timeoutMs: 100 })).toEqual({ complete: false, queued: 0 });
    expect(dropped).toMatchObject([{ reason: 'shut-down' }]);
  });

  test('events that are recorded while the service is killed and away are stored exactly once', async () => {
    const { client, dropped } = open({ maxBatchEvents: 50 });
    const botId = `bot-${randomUUID()}`;
    const record = async (count: number) => {
      for (let index = 0; index < count; index++) {
        client.interaction({ botId, messageText: `message ${index}` });
        if (index % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const recording = record(3000);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await processes.kill('ingestion');
    await recording;
    processes.start('ingestion');
    await processes.ready('ingestion');
    expect(await client.flush({ timeoutMs: flushMs })).toEqual({ complete: true, queued: 0 });
    expect(dropped).toEqual([]);
    expect(await storedTimes(botId)).toBe(3000);
    const { accepted, duplicates, retries } = client.stats();
    expect(accepted + duplicates).toBe(3000);
    expect(retries).toBeGreaterThan(0);
  }, 60_000);

  test('what a killed process left on disk is stored exactly once by the next', async () => {
    const botId = `bot-${randomUUID()}`;
    const spill = { folder: join(folder, `spill-${transport}`), maxBytes: 10_000_000 };
    const options = {
      url: 'http://127.0.0.1:9',
      key: tenant.keys.ingest,
      transport,
      spill,
      maxQueueEvents: 700,
    };
    const child = startChild({
      name: 'a bot',
      command: ['node', 'apps/e2e/src/spilling-bot.ts'],
      env: { OPTIONS: JSON.stringify(options), BOT_ID: botId, EVENTS: '2000' },
    });
    for await (const line of child.lines) {
      expect(line).toBe('written');
      break;
    }
    child.signal('SIGKILL');
    await child.exited;

    const { client } = open({ spill });
    expect(await client.flush({ timeoutMs: flushMs })).toEqual({ complete: true, queued: 0 });
    expect(client.stats()).toMatchObject({ recovered: 2000, accepted: 2000, recorded: 0 });
    expect(await storedTimes(botId)).toBe(2000);
    await client.shutdown({ timeoutMs: 1000 });
    expect(await readdir(spill.folder)).toEqual([]);
  }, 60_000);
});
