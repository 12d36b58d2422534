import { readFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { request } from 'node:https';
import { createClient, Code } from '@connectrpc/connect';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { expect, onTestFinished, test } from 'vitest';
import { createTransportTo, type TransportOptions } from '../src/index.ts';
import { interaction, lifeOf, openTcp, startServer } from './harness.ts';

function pem(name: string): string {
  return readFileSync(new URL(`certificates/${name}.pem`, import.meta.url), 'utf8');
}

const ca = pem('ca.cert');
const server = { cert: pem('server.cert'), key: pem('server.key') };

async function record(baseUrl: string, tls: NonNullable<TransportOptions['tls']>): Promise<string> {
  const transport = createTransportTo({ baseUrl, credential: 'key-ingest', tls, retry: false });
  onTestFinished(() => transport.close());
  return (await createClient(IngestionService, transport).recordInteraction(interaction)).eventId;
}

test('with a certificate the same port speaks HTTP/2 and HTTP/1 over TLS, by what the client offers', async () => {
  const { url, port } = await startServer({ tls: server });
  expect(url).toMatch(/^https:/);
  expect(await record(url, { ca })).toBe('shop:e-1');
  const status = await new Promise((resolve, reject) => {
    request(`${url}/livez`, { ca }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(200);
  const protocols = [['h2', 'http/1.1'], ['http/1.1']].map(
    (offered) =>
      new Promise((resolve, reject) => {
        const socket = connectTls({ port, host: '127.0.0.1', ca, ALPNProtocols: offered }, () => {
          resolve(socket.alpnProtocol);
          socket.destroy();
        }).on('error', reject);
      }),
  );
  expect(await Promise.all(protocols)).toEqual(['h2', 'http/1.1']);
});

test('a client that does not know the authority refuses the server', async () => {
  const { url } = await startServer({ tls: server });
  await expect(record(url, {})).rejects.toThrow();
});

test('with an authority for clients, only those it signed get in', async () => {
  const { url } = await startServer({ tls: { ...server, ca } });
  expect(await record(url, { ca, cert: pem('client.cert'), key: pem('client.key') })).toBe('shop:e-1');
  await expect(record(url, { ca })).rejects.toMatchObject({ code: Code.Unavailable });
  await expect(
    record(url, { ca, cert: pem('stranger.cert'), key: pem('stranger.key') }),
  ).rejects.toMatchObject({
    code: Code.Unavailable,
  });
});

test('a connection that does not finish its handshake is closed, and plain text is not answered', async () => {
  const { port } = await startServer({ tls: server, limits: { firstRequestMs: 300 } });
  expect(await lifeOf(await openTcp(port))).toBeLessThan(3000);
  const plain = await openTcp(port);
  plain.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
  expect(await lifeOf(plain)).toBeLessThan(3000);
});
