import { once } from 'node:events';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Health, HealthCheckResponse_ServingStatus as Status } from '@parley/contracts/grpc/health/v1/health';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { expect, test } from 'vitest';
import { answersOf, interaction, openTcp, startServer } from './harness.ts';

const forBot = (botId: string) => ({ ...interaction, interaction: { ...interaction.interaction, botId } });
const headers = { authorization: 'Bearer key-ingest' };

/** How long closing took, in ms. */
async function timedClose(close: () => Promise<void>): Promise<number> {
  const before = performance.now();
  await close();
  return performance.now() - before;
}

test('closing takes no time with an open stream, an idle connection and a silent one', async () => {
  const server = await startServer();
  const answers = answersOf(
    createClient(EventLogService, createGrpcTransport({ baseUrl: server.url })).tail(
      { partition: 1 },
      { headers: { authorization: 'Bearer service' } },
    ),
  );
  await answers.next();
  const idle = await openTcp(server.port);
  idle.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(idle, 'data');
  const silent = await openTcp(server.port);
  const half = await openTcp(server.port);
  half.write('P');
  const ended = answers.next().catch((error: unknown) => ConnectError.from(error).code);

  // Far below the five seconds that calls are given; it is some milliseconds on a quiet machine.
  expect(await timedClose(() => server.close())).toBeLessThan(1000);
  expect(await ended).toBe(Code.Unavailable);
  await expect.poll(() => [idle, silent, half].every(({ closed }) => closed)).toBe(true);
  await expect(fetch(`${server.url}/livez`)).rejects.toThrow();
});

test('a unary call that has begun is answered, and what comes new is not taken', async () => {
  const server = await startServer();
  const client = createClient(IngestionService, createGrpcTransport({ baseUrl: server.url }));
  await client.recordInteraction(interaction, { headers });
  const begun = client.recordInteraction(forBot('deaf'), { headers });
  const http1 = fetch(`${server.url}/${IngestionService.typeName}/RecordInteraction`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(forBot('deaf')),
  });
  await expect.poll(() => server.callsInFlight(), { interval: 5 }).toBe(2);
  const closed = server.close();
  await expect(fetch(`${server.url}/livez`)).rejects.toThrow();
  expect((await begun).eventId).toBe('shop:e-1');
  expect((await http1).status).toBe(200);
  await closed;
});

test('a call that does not end is cut off at the deadline', async () => {
  const server = await startServer();
  const client = createClient(IngestionService, createGrpcTransport({ baseUrl: server.url }));
  const stuck = client
    .recordInteraction(forBot('listening'), { headers })
    .catch((e: unknown) => ConnectError.from(e));
  await expect.poll(() => server.callsInFlight()).toBe(1);
  const ms = await timedClose(() => server.close(200));
  expect(ms).toBeGreaterThan(150);
  expect(ms).toBeLessThan(2000);
  expect(await stuck).toBeInstanceOf(ConnectError);
});

test('who watches is told that the server stops before it does', async () => {
  const server = await startServer();
  const answers = answersOf(createClient(Health, createGrpcTransport({ baseUrl: server.url })).watch({}));
  expect((await answers.next()).value).toMatchObject({ status: Status.SERVING });
  const told = answers.next();
  const closed = server.close();
  expect((await told).value).toMatchObject({ status: Status.NOT_SERVING });
  await closed;
});

test('closing twice is closing once', async () => {
  const server = await startServer();
  await Promise.all([server.close(), server.close()]);
  await server.close();
});

test('a port that is taken is said so', async () => {
  const first = await startServer();
  await expect(startServer({ port: first.port })).rejects.toThrow('EADDRINUSE');
});
