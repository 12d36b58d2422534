import { createServer, connect as connectTcp, type Socket } from 'node:net';
import { once } from 'node:events';
import { Code, createClient } from '@connectrpc/connect';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { DomainError } from '@parley/errors';
import { withRequestContext } from '@parley/runtime';
import { expect, onTestFinished, test } from 'vitest';
import { createTransportTo, type Routes, type TransportOptions } from '../src/index.ts';
import { answersOf, interaction, startServer } from './harness.ts';

function clientOf(baseUrl: string, options: Partial<TransportOptions> = {}) {
  const transport = createTransportTo({ baseUrl, credential: 'key-ingest', ...options });
  onTestFinished(() => transport.close());
  return createClient(IngestionService, transport);
}

/** A proxy whose connections can be cut. */
async function startProxy(targetPort: number) {
  const open = new Set<Socket>();
  const server = createServer((inside) => {
    const outside = connectTcp(targetPort, '127.0.0.1');
    open.add(inside).add(outside);
    inside
      .on('error', () => undefined)
      .pipe(outside)
      .on('error', () => undefined)
      .pipe(inside);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const cut = (): void => open.forEach((socket) => void socket.destroy());
  onTestFinished(() => {
    cut();
    server.close();
  });
  return { url: `http://127.0.0.1:${address.port}`, cut };
}

test.each(['grpc', 'connect'] as const)(
  'a %s client sends credential, tenant and request id',
  async (protocol) => {
    const { url, lines } = await startServer();
    for (const useJson of [false, true]) {
      const client = clientOf(url, { protocol, useJson, credential: 'operator', tenant: 'shop' });
      const requestId = `r-${protocol}-${useJson}`;
      const { eventId } = await withRequestContext({ requestId }, () =>
        client.recordInteraction(interaction),
      );
      expect(eventId).toBe('shop:e-1');
      expect(lines).toContainEqual(
        expect.objectContaining({ msg: 'call', requestId, code: 'ok', caller: 'tenant:t-1' }),
      );
    }
  },
);

/** Fails as often as told, then answers. */
function failingRoutes(times: number, error: () => Error) {
  let calls = 0;
  const routes: Routes = (router) => {
    router.service(IngestionService, {
      recordInteraction() {
        calls += 1;
        if (calls <= times) throw error();
        return { eventId: `after ${calls}` };
      },
    });
  };
  return { routes, callCount: () => calls };
}

const unavailable = () => new DomainError('down', { kind: 'unavailable', reason: 'DOWN' });

test('a call that may be repeated is repeated while the server is unavailable', async () => {
  const { routes } = failingRoutes(3, unavailable);
  const { url } = await startServer({ routes });
  const client = clientOf(url, { retry: { firstPauseMs: 1 } });
  expect((await client.recordInteraction(interaction)).eventId).toBe('after 4');
});

test('repeating ends after so many attempts with the last error, and at once for any other code', async () => {
  const down = failingRoutes(Infinity, unavailable);
  const first = await startServer({ routes: down.routes });
  const client = clientOf(first.url, { retry: { attempts: 3, firstPauseMs: 1 } });
  await expect(client.recordInteraction(interaction)).rejects.toMatchObject({ code: Code.Unavailable });
  expect(down.callCount()).toBe(3);

  const missing = failingRoutes(Infinity, () => new DomainError('no', { kind: 'not-found', reason: 'NO' }));
  const second = await startServer({ routes: missing.routes });
  await expect(clientOf(second.url).recordInteraction(interaction)).rejects.toMatchObject({
    code: Code.NotFound,
  });
  expect(missing.callCount()).toBe(1);
});

test('a server that asks to wait is given that time', async () => {
  const full = () =>
    new DomainError('full', { kind: 'resource-exhausted', reason: 'FULL', retryAfterMs: 300 });
  const { routes } = failingRoutes(1, full);
  const { url } = await startServer({ routes });
  const before = performance.now();
  await clientOf(url, { retry: { firstPauseMs: 1 } }).recordInteraction(interaction);
  expect(performance.now() - before).toBeGreaterThanOrEqual(295);
});

test('the deadline holds for all attempts together', async () => {
  const { routes } = failingRoutes(Infinity, unavailable);
  const { url } = await startServer({ routes });
  const client = clientOf(url, { defaultTimeoutMs: 300, retry: { attempts: 1000, firstPauseMs: 50 } });
  const before = performance.now();
  await expect(client.recordInteraction(interaction)).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  expect(performance.now() - before).toBeLessThan(1000);
});

test.each(['grpc', 'connect'] as const)(
  'a %s connection that is lost in a call is UNAVAILABLE',
  async (protocol) => {
    const { port } = await startServer();
    const { url, cut } = await startProxy(port);
    const client = clientOf(url, { protocol, retry: false });
    await client.recordInteraction(interaction);
    setTimeout(cut, 100);
    await expect(
      client.recordInteraction({ interaction: { ...interaction.interaction, botId: 'listening' } }),
    ).rejects.toMatchObject({ code: Code.Unavailable });

    const transport = createTransportTo({
      baseUrl: url,
      credential: 'service',
      protocol,
      defaultTimeoutMs: 0,
    });
    const answers = answersOf(createClient(EventLogService, transport).tail({ partition: 1 }));
    await answers.next();
    setTimeout(cut, 50);
    await expect(answers.next()).rejects.toMatchObject({ code: Code.Unavailable });
    transport.close();
  },
);

test('a call that was cut off is made again over a new connection', async () => {
  const { port } = await startServer();
  const { url, cut } = await startProxy(port);
  const client = clientOf(url, { retry: { firstPauseMs: 1 } });
  const deaf = client.recordInteraction({
    ...interaction,
    interaction: { ...interaction.interaction, botId: 'deaf' },
  });
  setTimeout(cut, 200);
  expect((await deaf).eventId).toBe('shop:e-1');
});

test("a caller's own cancel stays CANCELED", async () => {
  const { url } = await startServer();
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  await expect(
    clientOf(url).recordInteraction(
      { interaction: { ...interaction.interaction, botId: 'listening' } },
      { signal: stop.signal },
    ),
  ).rejects.toMatchObject({ code: Code.Canceled });
});
