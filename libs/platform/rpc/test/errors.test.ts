import { Code, ConnectError, createClient } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '@parley/contracts/google/rpc/error_details';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { expect, test } from 'vitest';
import { answersOf, interaction, startServer } from './harness.ts';

const headers = { authorization: 'Bearer key-ingest' };
const protocols = [
  ['gRPC', (baseUrl: string) => createGrpcTransport({ baseUrl })],
  ['gRPC-Web', (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })],
  ['Connect', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
] as const;

const forBot = (botId: string) => ({ ...interaction, interaction: { ...interaction.interaction, botId } });

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => expect.fail('no error'),
    (error: unknown) => ConnectError.from(error),
  );
}

test.each(protocols)(
  '%s: a broken rule is INVALID_ARGUMENT with the path of each field',
  async (_name, transport) => {
    const { url } = await startServer();
    const client = createClient(IngestionService, transport(url));
    const error = await errorOf(
      client.recordInteraction({ eventId: 'x'.repeat(201), interaction: { intentScore: 7 } }, { headers }),
    );
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: 'INVALID_FIELDS', domain: 'parley' },
    ]);
    const violations = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
    expect(violations.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['event_id', 'interaction.bot_id', 'interaction.intent_score']),
    );
    expect(
      violations.every(({ description, reason }) => description !== '' && /^[A-Z0-9_]+$/.test(reason)),
    ).toBe(true);
  },
);

test.each(protocols)(
  '%s: an error of the domain keeps its text, reason, facts and time to wait',
  async (_n, transport) => {
    const { url } = await startServer();
    const client = createClient(IngestionService, transport(url));
    const error = await errorOf(client.recordInteraction(forBot('full'), { headers }));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.rawMessage).toBe('The queue is full.');
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: 'QUEUE_FULL', metadata: { queue: 'append' } },
    ]);
    expect(error.findDetails(RetryInfoSchema)).toMatchObject([
      { retryDelay: { seconds: 1n, nanos: 500_000_000 } },
    ]);
  },
);

test.each(protocols)(
  '%s: a fault is INTERNAL, its text stays inside and is logged once',
  async (_name, transport) => {
    const { url, lines } = await startServer();
    const client = createClient(IngestionService, transport(url));
    const error = await errorOf(
      client.recordInteraction(forBot('fault'), { headers: { ...headers, 'x-request-id': 'r-77' } }),
    );
    expect(error.code).toBe(Code.Internal);
    expect(error.message).toContain('r-77');
    expect(error.message).not.toContain('must stay inside');
    const errors = lines.filter(({ level }) => level === 'error');
    expect(errors).toMatchObject([
      { requestId: 'r-77', error: { message: 'a text that must stay inside', stack: expect.any(String) } },
    ]);
  },
);

test.each(protocols)(
  '%s: a fault in the middle of a stream ends it as INTERNAL',
  async (_name, transport) => {
    const { url, lines } = await startServer();
    const answers = answersOf(
      createClient(EventLogService, transport(url)).tail(
        { partition: 4 },
        { headers: { authorization: 'Bearer service' } },
      ),
    );
    await answers.next();
    const error = await errorOf(answers.next());
    expect(error.code).toBe(Code.Internal);
    expect(error.message).not.toContain('must stay inside');
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  },
);

test('the request id is made, or taken when it can stand in a log, and given back', async () => {
  const { url, lines } = await startServer();
  const call = async (id?: string) => {
    const response = await fetch(`${url}/${IngestionService.typeName}/RecordInteraction`, {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        ...(id === undefined ? {} : { 'x-request-id': id }),
      },
      body: JSON.stringify(interaction),
    });
    return response.headers.get('x-request-id');
  };
  expect(await call('r-1')).toBe('r-1');
  expect(await call()).toMatch(/^[0-9a-f-]{36}$/);
  expect(await call('with spaces')).toMatch(/^[0-9a-f-]{36}$/);
  expect(await call('x'.repeat(129))).toMatch(/^[0-9a-f-]{36}$/);
  expect(lines.filter(({ msg }) => msg === 'call').map(({ requestId }) => requestId)).toContain('r-1');
});

test('neither keys nor what is said stands in the log', async () => {
  const { url, lines } = await startServer();
  const client = createClient(IngestionService, createGrpcTransport({ baseUrl: url }));
  await client.recordInteraction({ ...forBot('b'), eventId: 'planted' }, { headers });
  await errorOf(client.recordInteraction(forBot('fault'), { headers }));
  await errorOf(client.recordInteraction(interaction, { headers: { authorization: 'Bearer planted' } }));
  expect(lines.length).toBeGreaterThanOrEqual(3);
  expect(JSON.stringify(lines)).not.toMatch(/planted|key-ingest|hello/);
});
