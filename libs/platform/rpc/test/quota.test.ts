import { request } from 'node:http';
import { createClient } from '@connectrpc/connect';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { sleep } from '@parley/runtime';
import { expect, onTestFinished, test } from 'vitest';
import { createTransportTo, type AccessPolicy } from '../src/index.ts';
import { access, envelope, grpcStatusOf, openHttp2, rawCall, startServer } from './harness.ts';
import { callers, shop } from './service-under-test.ts';

const recordEvents = `/${IngestionService.typeName}/RecordEvents`;
const recordInteraction = `${IngestionService.typeName}/RecordInteraction`;
const headers = { authorization: 'Bearer key-ingest', 'content-type': 'application/grpc' };

/** A server whose tenant may send 10,000 bytes at once and 1,000 a second, and make two queries at a time. */
async function startMetered() {
  const limits = { bytesPerSecond: 1_000, queries: 2 };
  const policy: AccessPolicy = Object.fromEntries(
    Object.entries(access).map(([name, rules]) => [
      name,
      { ...rules, isMetered: name.endsWith('RecordEvents'), isQuery: name === recordInteraction },
    ]),
  );
  const resolver = {
    resolve: async (credential: string) => {
      const caller = callers[credential];
      return credential === 'key-ingest' && caller?.kind === 'tenant'
        ? { ...caller, tenant: { ...shop, limits } }
        : caller;
    },
  };
  const { callers: kinds, tenant } = access[IngestionService.typeName] ?? expect.fail('no access');
  return startServer({
    resolver,
    access: { ...policy, [recordInteraction]: { callers: kinds, tenant, isQuery: true } },
  });
}

test('bytes count also where they can not be decoded', async () => {
  const { url } = await startMetered();
  const session = openHttp2(url);
  const garbage = envelope(Buffer.alloc(8_000, 0xff));

  const statuses: number[] = [];
  for (let call = 0; call < 3; call += 1) {
    statuses.push(grpcStatusOf(await rawCall(session, recordEvents, headers, garbage)));
  }

  expect(statuses).toEqual([3, 3, 8]);
});

test('what a call announces counts before a byte of it has come', async () => {
  const { url } = await startMetered();
  const announced = request(`${url}${recordEvents}`, {
    method: 'POST',
    headers: {
      authorization: headers.authorization,
      'content-type': 'application/proto',
      'content-length': 60_000,
    },
  });
  announced.on('error', () => undefined);
  onTestFinished(() => void announced.destroy());
  announced.flushHeaders();
  await sleep(200);

  const transport = createTransportTo({ baseUrl: url, credential: 'key-ingest', retry: false });
  onTestFinished(() => transport.close());
  await expect(createClient(IngestionService, transport).recordEvents({ events: [{}] })).rejects.toThrow(
    '1000 bytes a second',
  );
});

test('many slow queries of one tenant hold up no other tenant, and only so many run at a time', async () => {
  const { url, callsInFlight } = await startMetered();
  const clientOf = (credential: string) => {
    const transport = createTransportTo({ baseUrl: url, credential, retry: false });
    onTestFinished(() => transport.close());
    return createClient(IngestionService, transport);
  };
  const slow = { eventId: 'slow', interaction: { botId: 'listening', memberId: 'm', messageText: 'x' } };
  const quick = { eventId: 'quick', interaction: { botId: 'bot', memberId: 'm', messageText: 'x' } };
  const ended = new AbortController();
  const busy = clientOf('key-ingest');
  const outcomes = Array.from({ length: 40 }, () =>
    busy.recordInteraction(slow, { signal: ended.signal }).then(
      () => 'answered',
      (error: unknown) => (/may have 2 queries/.test(String(error)) ? 'refused' : 'ended'),
    ),
  );
  // Two run, sixteen wait; a quick one of the same tenant finds no room either.
  while (callsInFlight() < 18) await sleep(10);
  await expect(busy.recordInteraction(quick)).rejects.toThrow('may have 2 queries');
  expect(await clientOf('key-other').recordInteraction(quick)).toMatchObject({ eventId: 'other:quick' });

  ended.abort();
  const counted = await Promise.all(outcomes);
  expect(counted.filter((outcome) => outcome === 'refused')).toHaveLength(22);
  // Their places are free again.
  while (callsInFlight() > 0) await sleep(10);
  expect(await busy.recordInteraction(quick)).toMatchObject({ eventId: 'shop:quick' });
});

test('a query that waits for its turn is ended by its deadline', async () => {
  const { url } = await startMetered();
  const transport = createTransportTo({ baseUrl: url, credential: 'key-ingest', retry: false });
  onTestFinished(() => transport.close());
  const client = createClient(IngestionService, transport);
  const slow = { eventId: 'slow', interaction: { botId: 'listening', memberId: 'm', messageText: 'x' } };
  const ended = new AbortController();
  const held = [1, 2].map(() =>
    client.recordInteraction(slow, { signal: ended.signal }).catch(() => undefined),
  );
  await sleep(200);

  await expect(client.recordInteraction(slow, { timeoutMs: 300 })).rejects.toThrow('deadline_exceeded');
  ended.abort();
  await Promise.all(held);
});
