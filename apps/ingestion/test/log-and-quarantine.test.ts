import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { EventKind, EventSchema, Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import type { LogEvent } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { eventKeyOf } from '@parley/event';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
const { admin, tenant, service } = await startService(cluster, { atEnd: afterAll });

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const said = (eventId: string, messageText = 'hello') => ({
  eventId,
  // With all that Parley would read, so that nothing is added.
  payload: {
    case: 'interaction' as const,
    value: { botId: 'b', messageText, intent: 'x', sentiment: Sentiment.POSITIVE },
  },
});

test("the log's tail gives what is there and then what comes, byte for byte", async () => {
  const own = await tenant();
  const { partition, tenantId } = own.tenant;
  await own.clients.ingestion.recordEvents({ events: [said('a'), said('b')] });
  const stop = new AbortController();
  const mine: LogEvent[] = [];
  let last = 0n;
  for await (const { events, headOffset } of service.log.tail(
    { partition, maxBatchSize: 1 },
    { signal: stop.signal },
  )) {
    for (const event of events) {
      expect(event.logOffset).toBe(last + 1n);
      last = event.logOffset;
      if (hex(event.tenantId) === tenantId.replaceAll('-', '')) mine.push(event);
    }
    expect(headOffset).toBeGreaterThanOrEqual(last);
    if (mine.length === 2) await own.clients.ingestion.recordEvents({ events: [said('c')] });
    if (mine.length === 3) break;
  }
  stop.abort();
  expect(mine.map(({ kind }) => kind)).toEqual([
    EventKind.INTERACTION,
    EventKind.INTERACTION,
    EventKind.INTERACTION,
  ]);
  expect(mine.map(({ eventKey }) => hex(eventKey))).toEqual(
    ['a', 'b', 'c'].map((id) => eventKeyOf(id).replaceAll('-', '')),
  );
  expect(mine.map(({ body }) => hex(body ?? new Uint8Array()))).toEqual(
    ['a', 'b', 'c'].map((id) => hex(toBinary(EventSchema, create(EventSchema, said(id))))),
  );
});

test('the tail of a partition that is not there, or from beyond its head, is refused', async () => {
  const first = async (request: { partition: number; afterOffset?: bigint }) => {
    for await (const message of service.log.tail(request)) return message;
    return undefined;
  };
  expect(await refusalOf(first({ partition: 99 }))).toMatchObject({
    code: 'NotFound',
    reason: 'UNKNOWN_PARTITION',
  });
  expect(await refusalOf(first({ partition: 0, afterOffset: 1_000_000n }))).toMatchObject({
    code: 'OutOfRange',
    reason: 'AHEAD_OF_LOG',
  });
  expect(await refusalOf(first({ partition: -1 }))).toMatchObject({
    code: 'InvalidArgument',
    fields: ['partition'],
  });
  const { partitions } = await service.log.listPartitions({});
  expect(partitions.map(({ partition }) => partition)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('what was refused is listed page by page, read, corrected and replayed, or discarded', async () => {
  const own = await tenant();
  const { ingestion, quarantine } = own.clients;
  const bad = Array.from({ length: 5 }, (_, n) => ({
    eventId: `bad-${n}`,
    payload: { case: 'feedback' as const, value: { rating: 6 + n } },
  }));
  const { results } = await ingestion.recordEvents({ events: bad });
  const first = await quarantine.listQuarantinedEvents({ pageSize: 3 });
  const rest = await quarantine.listQuarantinedEvents({ pageSize: 3, pageToken: first.nextPageToken });
  const listed = [...first.quarantinedEvents, ...rest.quarantinedEvents];
  expect(new Set(listed.map(({ eventId }) => eventId))).toEqual(new Set(bad.map(({ eventId }) => eventId)));
  expect(listed.every(({ body, kind }) => body.length === 0 && kind === EventKind.FEEDBACK)).toBe(true);
  expect((await quarantine.listQuarantinedEvents({ reason: 'TOO_OLD' })).quarantinedEvents).toEqual([]);

  const quarantineId = results[0]?.quarantineId ?? '';
  const { quarantinedEvent } = await quarantine.getQuarantinedEvent({ quarantineId });
  expect(fromBinary(EventSchema, quarantinedEvent?.body ?? new Uint8Array())).toEqual(
    quarantinedEvent?.event,
  );

  const asItCame = await quarantine.replayQuarantinedEvent({ quarantineId });
  expect(asItCame.result).toMatchObject({ outcome: EventOutcome.REJECTED, quarantineId });
  const event = { eventId: 'bad-0', payload: { case: 'feedback' as const, value: { rating: 5 } } };
  const corrected = await quarantine.replayQuarantinedEvent({ quarantineId, event });
  expect(corrected.result).toMatchObject({ outcome: EventOutcome.ACCEPTED, eventId: 'bad-0' });
  expect(await refusalOf(quarantine.getQuarantinedEvent({ quarantineId }))).toMatchObject({
    code: 'NotFound',
    reason: 'QUARANTINED_EVENT_NOT_FOUND',
  });

  const discarded = results[1]?.quarantineId ?? '';
  await quarantine.discardQuarantinedEvent({ quarantineId: discarded });
  await quarantine.discardQuarantinedEvent({ quarantineId: discarded });
  expect(await refusalOf(quarantine.replayQuarantinedEvent({ quarantineId: discarded }))).toMatchObject({
    code: 'NotFound',
  });
  expect(await refusalOf(quarantine.getQuarantinedEvent({ quarantineId: 'nonsense' }))).toMatchObject({
    code: 'NotFound',
  });
});

test('a producer that repeats a bad batch fills the quarantine once', async () => {
  const own = await tenant();
  const { ingestion, quarantine } = own.clients;
  const send = () =>
    ingestion.recordEvents({ events: [said('x'.repeat(201)), said('ok'), said('ok', 'other')] });
  const [one, two] = [await send(), await send()];
  expect(two.results.map(({ quarantineId }) => quarantineId)).toEqual(
    one.results.map(({ quarantineId }) => quarantineId),
  );
  expect((await quarantine.listQuarantinedEvents({})).quarantinedEvents).toHaveLength(2);
});

test("no tenant reaches another's quarantine", async () => {
  const [own, other] = [await tenant(), await tenant()];
  const { results } = await other.clients.ingestion.recordEvents({ events: [said('x'.repeat(201))] });
  const quarantineId = results[0]?.quarantineId ?? '';
  const { quarantine } = own.clients;
  expect(await refusalOf(quarantine.getQuarantinedEvent({ quarantineId }))).toMatchObject({
    code: 'NotFound',
  });
  expect(await refusalOf(quarantine.replayQuarantinedEvent({ quarantineId }))).toMatchObject({
    code: 'NotFound',
  });
  await quarantine.discardQuarantinedEvent({ quarantineId });
  expect((await quarantine.listQuarantinedEvents({})).quarantinedEvents).toEqual([]);
  expect((await other.clients.quarantine.listQuarantinedEvents({})).quarantinedEvents).toHaveLength(1);
});

test('a call outlives no deadline, and who was not answered may send again', async () => {
  const own = await tenant();
  const { ingestion } = own.clients;
  const held = admin.transaction(async (tx) => {
    await tx.query('select from partition_heads where partition = $1 for update', [own.tenant.partition]);
    const startedAt = performance.now();
    const late = await refusalOf(ingestion.recordEvents({ events: [said('late')] }, { timeoutMs: 500 }));
    expect(late.code).toBe('DeadlineExceeded');
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
  await held;
  const { results } = await ingestion.recordEvents({ events: [said('late')] });
  expect([EventOutcome.ACCEPTED, EventOutcome.DUPLICATE]).toContain(results[0]?.outcome);
  const { rows } = await admin.query('select from events where tenant_id = $1', [own.tenant.tenantId]);
  expect(rows).toHaveLength(1);
});
