import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import { testCluster } from '@parley/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startService } from './service-fixture.ts';
import type { TestTenant } from './service-fixture.ts';

const certificate = (name: string) =>
  readFileSync(
    fileURLToPath(new URL(`../../../libs/platform/rpc/test/certificates/${name}`, import.meta.url)),
    'utf8',
  );

interface Asked {
  readonly headers: IncomingHttpHeaders;
  readonly texts: readonly { readonly id: string; readonly text: string; readonly bot_id: string }[];
}
interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const asked: Asked[] = [];
let answer: (asked: Asked) => Answer;
const server = createServer(
  { cert: certificate('server.cert.pem'), key: certificate('server.key.pem') },
  (request, response) => {
    void json(request).then((body) => {
      const { texts } = body as Pick<Asked, 'texts'>;
      const question = { headers: request.headers, texts };
      asked.push(question);
      const { status = 200, headers = {}, body: said } = answer(question);
      response.writeHead(status, headers).end(JSON.stringify(said));
    });
  },
);
let url = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://localhost:${(server.address() as AddressInfo).port}/read`;
});
afterAll(() => server.close());
beforeEach(() => {
  asked.length = 0;
});

const cluster = await testCluster();
const { tenant } = await startService(cluster, {
  atEnd: afterAll,
  modelEndpoints: { privateRanges: ['127.0.0.0/8', '::1/128'], ca: certificate('ca.cert.pem') },
});

async function withEndpoint(): Promise<TestTenant> {
  const own = await tenant();
  await own.clients.language.updateLanguageSettings({
    settings: { endpoint: { url, bearerToken: 'token', modelVersion: 'mine/7', timeoutMs: 1_000 } },
  });
  return own;
}

const say = ({ clients: { ingestion } }: TestTenant, eventId: string, value: object = {}) =>
  ingestion.recordInteraction({ eventId, interaction: { botId: 'bot', messageText: 'hello', ...value } });

async function countedOf({ clients: { ingestion } }: TestTenant, interactionId: string) {
  const { interaction } = await ingestion.getInteraction({ interactionId });
  return interaction?.interaction;
}

test('the tenant’s own model beats the built-in one, yields to the producer, and is asked only what is missing', async () => {
  answer = ({ texts }) => ({
    body: {
      results: [
        ...texts.map(({ id }) => ({ id, intent: 'theirs', intent_confidence: 0.75, sentiment: 'negative' })),
        { id: 'nobody asked', intent: 'x' },
      ],
    },
  });
  const own = await withEndpoint();
  await say(own, 'unsaid');
  await say(own, 'said', { intent: 'mine', intentScore: 0.5 });
  await say(own, 'all said', { intent: 'mine', sentiment: Sentiment.POSITIVE });

  await expect.poll(async () => (await countedOf(own, 'unsaid'))?.intent, { timeout: 15_000 }).toBe('theirs');
  expect(await countedOf(own, 'unsaid')).toMatchObject({
    intentScore: 0.75,
    sentiment: Sentiment.NEGATIVE,
    understanding: { modelVersion: 'mine/7' },
  });
  await expect
    .poll(async () => (await countedOf(own, 'said'))?.sentiment, { timeout: 15_000 })
    .toBe(Sentiment.NEGATIVE);
  expect(await countedOf(own, 'said')).toMatchObject({ intent: 'mine', intentScore: 0.5 });
  expect(asked.flatMap(({ texts }) => texts.map(({ id }) => id)).sort()).toEqual(['said', 'unsaid']);
  expect(asked[0]?.headers.authorization).toBe('Bearer token');
  expect(asked[0]?.texts[0]).toMatchObject({ text: 'hello', bot_id: 'bot' });
});

test.each<[string, Answer]>([
  ['fails', { status: 503, body: {} }],
  ['sends elsewhere', { status: 307, headers: { location: 'https://localhost:1/' }, body: {} }],
  ['answers something else', { body: { results: 'none' } }],
  [
    'breaks the rules',
    {
      body: {
        results: [
          { id: 'i', intent: 'x'.repeat(201) },
          { id: 'i', sentiment: 'meh' },
        ],
      },
    },
  ],
  ['answers without end', { body: { results: [], padding: 'x'.repeat(2_000_000) } }],
])('where it %s, what was read before stays', async (_how, said) => {
  answer = () => said;
  const own = await withEndpoint();
  await say(own, 'i');
  await expect.poll(() => asked.length, { timeout: 15_000 }).toBeGreaterThan(0);
  await expect.poll(async () => (await countedOf(own, 'i'))?.intent, { timeout: 15_000 }).toBe('greeting');
  expect((await countedOf(own, 'i'))?.understanding?.modelVersion).toMatch(/^intents\/0 sentiment\/1$/);
});
