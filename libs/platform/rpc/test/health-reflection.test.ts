import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, createClient } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { Health, HealthCheckResponse_ServingStatus as Status } from '@parley/contracts/grpc/health/v1/health';
import { ServerReflection } from '@parley/contracts/grpc/reflection/v1/reflection';
import { ServerReflection as ServerReflectionAlpha } from '@parley/contracts/grpc/reflection/v1alpha/reflection';
import { expect, test } from 'vitest';
import { answersOf, startServer } from './harness.ts';

const ingestion = 'parley.ingestion.v1.IngestionService';
const eventLog = 'parley.ingestion.v1.EventLogService';

test('health is told of the process, each service and all, without a key', async () => {
  const { url, health } = await startServer();
  const client = createClient(Health, createGrpcTransport({ baseUrl: url }));
  health.set(eventLog, 'not-serving');
  expect((await client.check({ service: ingestion })).status).toBe(Status.SERVING);
  expect((await client.check({ service: eventLog })).status).toBe(Status.NOT_SERVING);
  expect((await client.check({})).status).toBe(Status.NOT_SERVING);
  const { statuses } = await client.list({});
  expect(Object.keys(statuses).sort()).toEqual(['', eventLog, ingestion]);
  health.set(eventLog, 'serving');
  expect((await client.check({})).status).toBe(Status.SERVING);
  await expect(client.check({ service: 'unknown' })).rejects.toMatchObject({ code: Code.NotFound });
});

test('a watch tells each change, and of an unknown service until it is known', async () => {
  const { url, health } = await startServer();
  const stop = new AbortController();
  const client = createClient(Health, createGrpcTransport({ baseUrl: url }));
  const answers = answersOf(client.watch({ service: eventLog }, { signal: stop.signal }));
  const next = async (): Promise<Status | undefined> => {
    const result = await answers.next();
    return result.done === true ? undefined : result.value.status;
  };
  expect(await next()).toBe(Status.SERVICE_UNKNOWN);
  health.set(eventLog, 'serving');
  expect(await next()).toBe(Status.SERVING);
  health.set(eventLog, 'serving');
  health.set(eventLog, 'not-serving');
  expect(await next()).toBe(Status.NOT_SERVING);
  stop.abort();
});

test('/livez is always well, /readyz when every service is', async () => {
  const { url, health } = await startServer();
  const statusOf = (path: string) => fetch(url + path).then(({ status }) => status);
  expect(await statusOf('/livez')).toBe(200);
  expect(await statusOf('/readyz')).toBe(200);
  health.set(eventLog, 'not-serving');
  expect(await statusOf('/livez')).toBe(200);
  expect(await statusOf('/readyz')).toBe(503);
});

test('plain HTTP is answered beside the calls, and its faults stay inside', async () => {
  const { url, lines } = await startServer({
    plainHttp: {
      '/metrics': (_request, response) => void response.end('up 1\n'),
      '/broken': () => Promise.reject(new Error('must stay inside')),
    },
  });
  expect(await (await fetch(`${url}/metrics?name=up`)).text()).toBe('up 1\n');
  const broken = await fetch(`${url}/broken`);
  expect(broken.status).toBe(500);
  expect(await broken.text()).not.toContain('must stay inside');
  expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
});

test.each([
  ['v1', ServerReflection],
  ['v1alpha', ServerReflectionAlpha],
] as const)('reflection %s answers every kind of question', async (_version, service) => {
  const { url } = await startServer();
  const client = createClient(service, createGrpcTransport({ baseUrl: url }));
  const questions = [
    { case: 'listServices', value: '' },
    { case: 'fileByFilename', value: 'parley/ingestion/v1/event.proto' },
    { case: 'fileContainingSymbol', value: `${ingestion}.RecordInteraction` },
    { case: 'fileContainingSymbol', value: 'parley.ingestion.v1.Event.occurred_at' },
    { case: 'fileContainingSymbol', value: 'google.protobuf.Timestamp' },
    {
      case: 'fileContainingExtension',
      value: { containingType: 'google.protobuf.FieldOptions', extensionNumber: 1159 },
    },
    { case: 'allExtensionNumbersOfType', value: 'google.protobuf.FieldOptions' },
    { case: 'fileContainingSymbol', value: 'no.such.Symbol' },
    { case: 'fileByFilename', value: 'no/such.proto' },
    { case: 'allExtensionNumbersOfType', value: 'no.such.Message' },
  ] as const;
  async function* asked() {
    for (const messageRequest of questions) yield { messageRequest };
  }
  const answers: unknown[] = [];
  for await (const { messageResponse: response } of client.serverReflectionInfo(asked())) {
    switch (response.case) {
      case 'listServicesResponse':
        answers.push(response.value.service.map(({ name }) => name));
        break;
      case 'fileDescriptorResponse':
        answers.push(
          response.value.fileDescriptorProto.map(
            (bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name,
          ),
        );
        break;
      case 'allExtensionNumbersResponse':
        answers.push(response.value.extensionNumber);
        break;
      case 'errorResponse':
        answers.push(response.value.errorCode);
        break;
      case undefined:
        answers.push('nothing');
        break;
    }
  }
  const contains = (...names: string[]): unknown => expect.arrayContaining(names);
  const services = [
    ingestion,
    eventLog,
    Health.typeName,
    ServerReflection.typeName,
    ServerReflectionAlpha.typeName,
  ];
  expect(answers).toEqual([
    contains(...services),
    contains(
      'parley/ingestion/v1/event.proto',
      'buf/validate/validate.proto',
      'google/protobuf/timestamp.proto',
    ),
    contains('parley/ingestion/v1/ingestion_service.proto', 'parley/ingestion/v1/event.proto'),
    contains('parley/ingestion/v1/event.proto'),
    ['google/protobuf/timestamp.proto'],
    contains('buf/validate/validate.proto'),
    expect.arrayContaining([1159]),
    Code.NotFound,
    Code.NotFound,
    Code.NotFound,
  ]);
});

test('reflection is served over gRPC-Web and Connect too', async () => {
  const { url: baseUrl } = await startServer();
  async function* asked() {
    yield { messageRequest: { case: 'listServices', value: '' } as const };
  }
  for (const transport of [
    createGrpcWebTransport({ baseUrl, httpVersion: '2' }),
    createConnectTransport({ baseUrl, httpVersion: '2' }),
  ]) {
    const answers = createClient(ServerReflection, transport).serverReflectionInfo(asked());
    const first = await answersOf(answers).next();
    expect(first.value).toMatchObject({ messageResponse: { case: 'listServicesResponse' } });
  }
});

const buf = promisify(execFile);

test.each(['grpc', 'grpcweb', 'connect'])(
  'buf curl makes a call over %s by reflection alone',
  async (protocol) => {
    const { url } = await startServer();
    const { stdout } = await buf(
      'npx',
      [
        ...['buf', 'curl', '--protocol', protocol, '--http2-prior-knowledge'],
        ...['--header', 'authorization: Bearer key-ingest'],
        ...['--data', '{"event_id":"e-1","interaction":{"bot_id":"b","member_id":"m","message_text":"hi"}}'],
        `${url}/${ingestion}/RecordInteraction`,
      ],
      { timeout: 20_000 },
    );
    expect(JSON.parse(stdout)).toEqual({ eventId: 'shop:e-1' });
  },
);
