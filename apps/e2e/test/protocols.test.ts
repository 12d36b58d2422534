import { createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { createGrpcWebTransport as createBrowserTransport } from '@connectrpc/connect-web';
import * as grpc from '@grpc/grpc-js';
import { fromBinary, toBinary, create, type DescMethodUnary, type MessageShape } from '@bufbuild/protobuf';
import { Health, HealthCheckResponse_ServingStatus } from '@parley/contracts/grpc/health/v1/health';
import {
  IngestionService,
  RecordInteractionRequestSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../src/child-process.ts';
import { bearer, createTenant, type TenantKeys } from '../src/credentials.ts';
import { servedServices } from '../src/served-methods.ts';
import { startStandalone, type StandaloneProcess } from '../src/standalone-process.ts';

let parley: StandaloneProcess;
let tenant: TenantKeys;
beforeAll(async () => {
  parley = await startStandalone();
  tenant = await createTenant(parley, 'shop');
});
afterAll(() => parley?.stop());

const interaction = { botId: 'support', memberId: 'm-1', messageText: 'Where is my order?', intent: 'order' };

/** Calls by a client of another make, which knows nothing of Connect. */
async function callByGrpcJs<Method extends DescMethodUnary>(
  method: Method,
  request: MessageShape<Method['input']>,
): Promise<MessageShape<Method['output']>> {
  const client = new grpc.Client(new URL(parley.url).host, grpc.credentials.createInsecure());
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${tenant.keys.admin}`);
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (message: MessageShape<Method['input']>) => Buffer.from(toBinary(method.input, message)),
        (bytes) => fromBinary<Method['output']>(method.output, bytes),
        request,
        metadata,
        { deadline: Date.now() + 10_000 },
        (error, response) => {
          if (response === undefined) reject(error ?? new Error('No answer.'));
          else resolve(response);
        },
      );
    });
  } finally {
    client.close();
  }
}

const identify: Interceptor = (next) => (request) => {
  request.header.set('authorization', `Bearer ${tenant.keys.admin}`);
  return next(request);
};
const interceptors = [identify];

const transports: readonly (readonly [string, () => Transport])[] = [
  ['connect-node as gRPC', () => createGrpcTransport({ baseUrl: parley.url, interceptors })],
  [
    'connect-node as Connect over HTTP/1.1',
    () => createConnectTransport({ baseUrl: parley.url, httpVersion: '1.1', interceptors }),
  ],
  [
    'connect-node as gRPC-Web over HTTP/1.1',
    () => createGrpcWebTransport({ baseUrl: parley.url, httpVersion: '1.1', interceptors }),
  ],
  ['connect-web as gRPC-Web', () => createBrowserTransport({ baseUrl: parley.url, interceptors })],
];

test('every protocol makes the same call on the same port: the first is new, all others are its duplicates', async () => {
  const first = await callByGrpcJs(
    IngestionService.method.recordInteraction,
    create(RecordInteractionRequestSchema, { eventId: 'same', interaction }),
  );
  expect(first).toMatchObject({ eventId: 'same', duplicate: false });
  expect(first.position).not.toBe('');

  for (const [name, open] of transports) {
    const answer = await createClient(IngestionService, open()).recordInteraction({
      eventId: 'same',
      interaction,
    });
    expect(answer, name).toMatchObject({ eventId: 'same', duplicate: true });
  }

  const response = await fetch(`${parley.url}/${IngestionService.typeName}/RecordInteraction`, {
    method: 'POST',
    headers: { ...bearer(tenant.keys.admin), 'content-type': 'application/json' },
    body: JSON.stringify({ eventId: 'same', interaction }),
  });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ eventId: 'same', duplicate: true });
});

test('every protocol reads the same figure, including what was just acknowledged', async () => {
  const { position } = await callByGrpcJs(
    IngestionService.method.recordInteraction,
    create(RecordInteractionRequestSchema, { eventId: 'just-now', interaction }),
  );
  const figures = new Set<number | undefined>();
  for (const [, open] of transports) {
    const { kpis } = await createClient(MetricsService, open()).getEngagementKpis({ minPosition: position });
    figures.add(kpis?.totalInteractions?.value);
  }
  const response = await fetch(`${parley.url}/${MetricsService.typeName}/GetEngagementKpis`, {
    method: 'POST',
    headers: { ...bearer(tenant.keys.admin), 'content-type': 'application/json' },
    body: JSON.stringify({ minPosition: position }),
  });
  const { kpis } = (await response.json()) as { kpis: { totalInteractions: { value: number } } };
  figures.add(kpis.totalInteractions.value);
  expect(figures.size).toBe(1);
  expect([...figures][0]).toBeGreaterThanOrEqual(1);
});

test('an error is as precise in every protocol', async () => {
  for (const [name, open] of transports) {
    const call = createClient(IngestionService, open()).recordInteraction({ interaction: { botId: '' } });
    await expect(call, name).rejects.toMatchObject({ code: 3, rawMessage: expect.stringMatching(/bot_id/) });
  }
});

test('reflection lists what is served, and describes it to a client that knows nothing', async () => {
  const curl = (...args: string[]) =>
    run({
      name: 'buf curl',
      command: ['node', 'node_modules/.bin/buf', 'curl', '--http2-prior-knowledge', ...args],
    });
  const listed = await curl('--protocol', 'grpc', '--list-services', parley.url);
  expect(listed.stderr).toBe('');
  expect(listed.stdout.split('\n').sort()).toEqual(servedServices.map(({ typeName }) => typeName).sort());

  for (const protocol of ['grpc', 'grpcweb', 'connect']) {
    const { code, stdout, stderr } = await curl(
      ...['--protocol', protocol, '--header', `authorization: Bearer ${tenant.keys.admin}`],
      ...['--data', '{"interactionId":"same"}'],
      `${parley.url}/${IngestionService.typeName}/GetInteraction`,
    );
    expect({ code, stderr }, protocol).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ interaction: { interaction: { botId: 'support' } } });
  }
});

test('health answers for the process and for each service, over gRPC and over HTTP', async () => {
  const client = createClient(Health, createGrpcTransport({ baseUrl: parley.url }));
  const { SERVING } = HealthCheckResponse_ServingStatus;
  for (const service of ['', IngestionService.typeName, PrivacyService.typeName, MetricsService.typeName]) {
    expect(await client.check({ service }), service).toMatchObject({ status: SERVING });
  }
  await expect(client.check({ service: 'no.such.Service' })).rejects.toMatchObject({ code: 5 });
  for (const path of ['/livez', '/readyz']) expect((await fetch(parley.url + path)).status).toBe(200);
});
