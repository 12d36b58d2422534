import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import {
  createParleyClient,
  instrumentHandler,
  FeedbackType,
  MetricCategory,
  AggregationPeriod,
  Outcome,
} from '@parley/client';
import type { DeliveredEvent, DroppedEvent, ParleyClient, ParleyClientOptions } from '@parley/client';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { DomainError } from '@parley/errors';
import { createTransportTo } from '@parley/rpc';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startChild } from '../src/child-process.ts';
import { createTenant, type TenantKeys } from '../src/credentials.ts';
import { freePort } from '../src/free-port.ts';
import { startFront, type Front, type FrontOptions } from '../src/front.ts';
import { query } from '../src/query.ts';
import { startServiceProcesses, type ServiceProcesses } from '../src/service-processes.ts';
import { eventually } from '../src/within.ts';

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

async function openFront(options: FrontOptions): Promise<Front> {
  const front = await startFront({ url: processes.urlOf('ingestion'), key: tenant.keys.ingest }, options);
  onTestFinished(() => front.close());
  return front;
}

type Transport = 'connect' | 'grpc';

const openOver =
  (transport: Transport) =>
  (
    options: Partial<ParleyClientOptions> = {},
  ): {
    client: ParleyClient;
    dropped: DroppedEvent[];
    errors: Error[];
  } => {
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
  };

describe.each<Transport>(['connect', 'grpc'])('over %s', (transport) => {
  const open = openOver(transport);

  test('every kind of event is stored, and a repeat under the same id is a duplicate', async () => {
    const delivered: DeliveredEvent[] = [];
    const { client, dropped } = open({ onDelivered: (event) => delivered.push(event) });
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
    expect(delivered.map(({ isDuplicate }) => isDuplicate)).toEqual([
      ...Array<boolean>(10).fill(false),
      ...Array<boolean>(3).fill(true),
    ]);
    expect(delivered[1]).toEqual({ id: ids.interaction, kind: 'completion', isDuplicate: false });
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

  test('what is recorded before the service is there is stored when it comes', async () => {
    const port = await freePort();
    const { client, errors } = open({ url: `http://127.0.0.1:${port}`, maxAgeMs: 10 });
    const botId = `bot-${randomUUID()}`;
    for (let index = 0; index < 200; index++) client.interaction({ botId });
    await eventually(5000, 'a failed call', () => Promise.resolve(errors.length > 2 ? true : undefined));
    const front = await openFront({ port });
    expect(front.url).toContain(`:${port}`);
    expect(await client.flush({ timeoutMs: flushMs })).toEqual({ complete: true, queued: 0 });
    expect(await storedTimes(botId)).toBe(200);
    expect(errors[0]).toMatchObject({ name: 'CallFailure', remedy: 'retry' });
  });

  test('a service that is full is left alone for as long as it asks, and nothing is lost', async () => {
    const met: number[] = [];
    const front = await openFront({
      meet: async () => {
        met.push(performance.now());
        if (met.length > 2) return;
        throw new DomainError('full', { kind: 'resource-exhausted', reason: 'FULL', retryAfterMs: 400 });
      },
    });
    const { client, errors } = open({ url: front.url, maxCalls: 1, firstPauseMs: 1 });
    const botId = `bot-${randomUUID()}`;
    for (let index = 0; index < 20; index++) client.interaction({ botId });
    expect(await client.flush({ timeoutMs: flushMs })).toEqual({ complete: true, queued: 0 });
    expect(errors).toMatchObject([
      { code: 8, retryAfterMs: 400 },
      { code: 8, retryAfterMs: 400 },
    ]);
    const pauses = met.slice(1).map((at, index) => at - (met[index] ?? 0));
    for (const pause of pauses) expect(pause).toBeGreaterThan(399);
    expect(await storedTimes(botId)).toBe(20);
    expect(client.stats()).toMatchObject({ accepted: 20, sent: 60, retries: 2 });
  });

  test('an answer that comes too late is asked for again, under the same ids', async () => {
    let answers = 0;
    const front = await openFront({
      leave: async () => {
        if (answers++ === 0) await new Promise((resolve) => setTimeout(resolve, 1500));
      },
    });
    const { client, errors } = open({ url: front.url, callTimeoutMs: 500 });
    const botId = `bot-${randomUUID()}`;
    const startedAt = performance.now();
    for (let index = 0; index < 20; index++) client.interaction({ botId });
    expect(performance.now() - startedAt).toBeLessThan(400);
    expect(await client.flush({ timeoutMs: flushMs })).toEqual({ complete: true, queued: 0 });
    expect(errors).toMatchObject([{ code: 4 }]);
    expect(client.stats()).toMatchObject({ accepted: 0, duplicates: 20 });
    expect(await storedTimes(botId)).toBe(20);
  });

  test('a call that the service refuses as a whole costs the events that cause it alone', async () => {
    const botId = `bot-${randomUUID()}`;
    const front = await openFront({
      meet: async (request) => {
        const isBad = request.events.some(({ eventId }) => eventId.startsWith('bad'));
        if (isBad) throw new DomainError('not these', { kind: 'invalid-argument', reason: 'BAD' });
      },
    });
    const { client, dropped } = open({ url: front.url });
    for (let index = 0; index < 50; index++) {
      client.interaction({ eventId: `${index % 20 === 7 ? 'bad' : 'good'} ${botId} ${index}`, botId });
    }
    expect(await client.flush({ timeoutMs: flushMs })).toEqual({ complete: true, queued: 0 });
    expect(dropped.map(({ id, reason }) => `${id.slice(0, 3)} ${reason}`)).toEqual(
      Array(3).fill('bad refused'),
    );
    expect(await storedTimes(botId)).toBe(47);
  });

  test('an instrumented handler writes its interaction in two phases', async () => {
    const { client } = open();
    const botId = `bot-${randomUUID()}`;
    const handle = instrumentHandler(
      client,
      (text: string) => Promise.resolve(`you said ${text}`),
      (text) => ({ botId, conversationId: 'c', messageText: text }),
    );
    expect(await handle('hello')).toBe('you said hello');
    expect(await client.flush({ timeoutMs: flushMs })).toEqual({ complete: true, queued: 0 });
    const reader = createTransportTo({ baseUrl: processes.urlOf('ingestion'), credential: tenant.keys.read });
    onTestFinished(() => reader.close());
    const ingestion = createClient(IngestionService, reader);
    const interaction = await eventually(20_000, 'the interaction', async () => {
      const { interactions } = await ingestion.listInteractions({ botId });
      return interactions[0]?.interaction?.responseText ? interactions[0] : undefined;
    });
    expect(interaction).toMatchObject({
      interaction: { botId, conversationId: 'c', messageText: 'hello', responseText: 'you said hello' },
    });
  });
});

// After the others, since what reads the log takes a while to come back after a kill.
describe.each<Transport>(['connect', 'grpc'])('over %s, with processes killed', (transport) => {
  const open = openOver(transport);

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
