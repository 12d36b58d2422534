import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createEndpointRules, createSealer } from '@parley/outbound';
import type { EndpointRules } from '@parley/outbound';
import { systemNow } from '@parley/runtime';
import { testCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { startAlertDeliverer } from '../src/alert-keeper.ts';
import { addWebhook, listDeliveries } from '../src/storage/alert-webhooks.ts';
import { retryAfterMs } from '../src/use-cases/alert-delivery.ts';
import { change, newAlert } from './alert-changes.ts';
import { logger, openMetricsRows, partition } from './metrics-database.ts';
import type { MetricsRows } from './metrics-database.ts';

const cluster = await testCluster();
const certificate = (name: string) =>
  readFileSync(
    fileURLToPath(new URL(`../../../libs/platform/rpc/test/certificates/${name}`, import.meta.url)),
    'utf8',
  );
const ca = certificate('ca.cert.pem');
const secret = 'whsec_of_these_tests';
const sealer = createSealer('a service secret of these tests', 'parley webhook secrets');
const here = createEndpointRules(['127.0.0.0/8', '::1/128']);

interface Post {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
}
interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly afterMs?: number;
}

/** An https server that notes what is posted to it. */
async function startReceiver(answer: (post: Post, count: number) => Answer) {
  const posts: Post[] = [];
  const server = createServer(
    { cert: certificate('server.cert.pem'), key: certificate('server.key.pem') },
    (request, response) => {
      void text(request).then((body) => {
        const post = { path: request.url ?? '', headers: request.headers, body, at: performance.now() };
        posts.push(post);
        const { status, headers = {}, afterMs = 0 } = answer(post, posts.length);
        setTimeout(() => response.writeHead(status, headers).end('{}'), afterMs);
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { posts, url: `https://localhost:${(server.address() as AddressInfo).port}` };
}

function startDelivering({ worker }: MetricsRows, rules: EndpointRules = here): void {
  const deliverer = startAlertDeliverer({
    worker,
    rules,
    ca,
    sealer,
    now: systemNow,
    random: Math.random,
    firstRetryMs: 20,
    logger,
    reachFailpoint: () => undefined,
  });
  onTestFinished(() => deliverer.close());
}

/** As somebody who reads docs/alerts.md would. */
function isGenuine({ headers, body }: Post): boolean {
  const { t = '', v1 = '' } = Object.fromEntries(
    String(headers['parley-signature'])
      .split(',')
      .map((part) => part.split('=') as [string, string]),
  );
  const age = Math.abs(Date.now() / 1_000 - Number(t));
  return age < 300 && v1 === createHmac('sha256', secret).update(`${t}.${body}`, 'utf8').digest('hex');
}

async function hook(
  { app }: MetricsRows,
  tenantId: string,
  url: string,
  severities: readonly ('page' | 'ticket')[] = [],
) {
  const webhook = { webhookId: randomUUID(), url, severities, createdAt: new Date() };
  await app.withTenant(tenantId, (tx) =>
    addWebhook(tx, { partition, tenantId }, webhook, sealer.seal(secret)),
  );
  return webhook.webhookId;
}

const deliveriesTo = ({ app }: MetricsRows, tenantId: string, webhookId: string) =>
  app.withTenant(tenantId, (tx) =>
    listDeliveries(tx, { partition, tenantId }, { webhookId, before: 2n ** 62n, limit: 100 }),
  );

test('a receiver that fails five times and then answers gets the same signed post each time, and no more', async () => {
  const metrics = await openMetricsRows(cluster);
  const tenantId = randomUUID();
  const { url, posts } = await startReceiver((_post, count) => ({ status: count <= 5 ? 503 : 204 }));
  const webhookId = await hook(metrics, tenantId, `${url}/alerts?team=1`);
  const alert = newAlert();
  await change(metrics.worker, tenantId, { begun: [alert] });
  startDelivering(metrics);

  await expect
    .poll(async () => (await deliveriesTo(metrics, tenantId, webhookId))[0]?.state, { timeout: 15_000 })
    .toBe('delivered');
  const [delivery, ...others] = await deliveriesTo(metrics, tenantId, webhookId);
  expect(others).toEqual([]);
  expect(delivery).toMatchObject({
    alertId: alert.alertId,
    attemptCount: 6,
    httpStatus: 204,
    error: '',
    nextAttemptAt: null,
  });
  expect(posts).toHaveLength(6);
  expect(new Set(posts.map(({ headers }) => headers['parley-delivery']))).toEqual(
    new Set([delivery?.deliveryId]),
  );
  expect(posts.every(isGenuine)).toBe(true);
  expect(isGenuine({ ...posts[0]!, body: posts[0]!.body.replace('page', 'ticket') })).toBe(false);
  expect(posts[0]).toMatchObject({
    path: '/alerts?team=1',
    headers: { 'content-type': 'application/json', 'user-agent': 'Parley-Webhooks/1' },
  });
  expect(JSON.parse(posts[0]!.body)).toEqual({
    type: 'alert.began',
    alert: {
      alert_id: alert.alertId,
      bot_id: alert.botId,
      objective: 'success',
      severity: 'page',
      evidence: 'It fails.',
      started_at: '2026-03-08T12:00:00.000Z',
      ended_at: null,
    },
  });
});

test('an end waits for its beginning, others go on, and each webhook hears of its severities alone', async () => {
  const metrics = await openMetricsRows(cluster);
  const tenantId = randomUUID();
  const [first, second, ticket] = [newAlert(), newAlert(), newAlert('ticket')];
  // The beginning of the first fails twice.
  const { url, posts } = await startReceiver(({ body }, count) => ({
    status: body.includes(first.alertId) && count < 4 ? 500 : 200,
  }));
  const pages = await hook(metrics, tenantId, `${url}/pages`, ['page']);
  const all = await hook(metrics, tenantId, `${url}/all`);
  await change(metrics.worker, tenantId, { begun: [first, second, ticket] });
  await change(metrics.worker, tenantId, { ended: [first] });
  startDelivering(metrics);

  const told = (path: string) =>
    posts
      .filter((post) => post.path === path)
      .map(({ body }) => JSON.parse(body) as { type: string; alert: { alert_id: string } })
      .map(({ type, alert }) => `${type} ${alert.alert_id}`);
  for (const webhookId of [pages, all]) {
    await expect
      .poll(
        async () =>
          (await deliveriesTo(metrics, tenantId, webhookId)).every((one) => one.state === 'delivered'),
        { timeout: 15_000 },
      )
      .toBe(true);
  }
  for (const path of ['/pages', '/all']) {
    const order = told(path);
    expect(order.indexOf(`alert.ended ${first.alertId}`)).toBeGreaterThan(
      order.lastIndexOf(`alert.began ${first.alertId}`),
    );
    expect(order).toContain(`alert.began ${second.alertId}`);
    expect(order.includes(`alert.began ${ticket.alertId}`)).toBe(path === '/all');
  }
});

test('a receiver that never answers holds up nobody else', async () => {
  const metrics = await openMetricsRows(cluster);
  const tenantId = randomUUID();
  const slow = await startReceiver(() => ({ status: 200, afterMs: 60_000 }));
  const quick = await startReceiver(() => ({ status: 200 }));
  for (let n = 0; n < 3; n += 1) await hook(metrics, tenantId, slow.url);
  const webhookId = await hook(metrics, tenantId, quick.url);
  startDelivering(metrics);
  for (let n = 1; n <= 3; n += 1) {
    const began = performance.now();
    await change(metrics.worker, tenantId, { begun: [newAlert()] });
    await expect.poll(() => quick.posts.length, { timeout: 9_000 }).toBe(n);
    expect(performance.now() - began).toBeLessThan(9_000);
  }
  expect(await deliveriesTo(metrics, tenantId, webhookId)).toHaveLength(3);
  // One at a time.
  expect(slow.posts).toHaveLength(3);
});

test.each<[string, Answer, object]>([
  ['is gone', { status: 410 }, { state: 'failed', httpStatus: 410, error: 'Answered 410.' }],
  [
    'sends elsewhere',
    { status: 302, headers: { location: 'https://127.0.0.1:1/' } },
    { state: 'pending', httpStatus: 302, error: 'Answered 302; redirects are not followed.' },
  ],
])('a receiver that %s is not followed there', async (_how, answer, expected) => {
  const metrics = await openMetricsRows(cluster);
  const tenantId = randomUUID();
  const { url, posts } = await startReceiver(() => answer);
  const webhookId = await hook(metrics, tenantId, url);
  await change(metrics.worker, tenantId, { begun: [newAlert()] });
  startDelivering(metrics);
  await expect.poll(() => posts.length, { timeout: 9_000 }).toBeGreaterThan(0);
  await expect
    .poll(async () => (await deliveriesTo(metrics, tenantId, webhookId))[0], { timeout: 9_000 })
    .toMatchObject(expected);
});

test.each([
  ['https://127.0.0.1:9/', createEndpointRules([])],
  ['https://169.254.169.254/latest/meta-data', createEndpointRules([])],
  // It was elsewhere when it was added.
  ['https://hooks.example.com/', createEndpointRules([], async () => [{ address: '10.0.0.8', family: 4 }])],
])('nothing is posted to %s, and it is said why', async (url, rules) => {
  const metrics = await openMetricsRows(cluster);
  const tenantId = randomUUID();
  const webhookId = await hook(metrics, tenantId, url);
  await change(metrics.worker, tenantId, { begun: [newAlert()] });
  startDelivering(metrics, rules);
  await expect
    .poll(async () => (await deliveriesTo(metrics, tenantId, webhookId))[0], { timeout: 9_000 })
    .toMatchObject({ state: 'pending', httpStatus: 0, error: expect.stringMatching(/^ADDRESS_REFUSED: /) });
});

test('what has failed for a day is not tried again', async () => {
  const metrics = await openMetricsRows(cluster);
  const tenantId = randomUUID();
  const { url } = await startReceiver(() => ({ status: 500 }));
  const webhookId = await hook(metrics, tenantId, url);
  await change(metrics.worker, tenantId, { begun: [newAlert()] });
  await metrics.worker.query("update webhook_deliveries set created_at = created_at - interval '24 hours'");
  startDelivering(metrics);
  await expect
    .poll(async () => (await deliveriesTo(metrics, tenantId, webhookId))[0], { timeout: 9_000 })
    .toMatchObject({ state: 'failed', attemptCount: 1, httpStatus: 500, nextAttemptAt: null });
  const { rows } = await metrics.worker.query('select due_at from webhooks');
  expect(rows).toEqual([{ due_at: null }]);
});

test('attempts come after twice the time, up to an hour', () => {
  const waits = [1, 2, 3, 10, 11, 40].map((count) => retryAfterMs(count, 5_000, () => 1) / 1_000);
  expect(waits).toEqual([5, 10, 20, 2_560, 3_600, 3_600]);
  expect(retryAfterMs(3, 5_000, () => 0)).toBe(10_000);
});

test('of two processes each post is made by one, in order, and one to a webhook at a time', async () => {
  const metrics = await openMetricsRows(cluster);
  const tenantId = randomUUID();
  const alerts = Array.from({ length: 6 }, () => newAlert());
  const underWay = new Map<string, number>();
  let mostAtOnce = 0;
  const { url, posts } = await startReceiver(({ path }) => {
    const count = (underWay.get(path) ?? 0) + 1;
    underWay.set(path, count);
    mostAtOnce = Math.max(mostAtOnce, count);
    // Before it is answered.
    setTimeout(() => underWay.set(path, (underWay.get(path) ?? 1) - 1), 15);
    return { status: 200, afterMs: 20 };
  });
  const paths = ['/a', '/b', '/c'];
  for (const path of paths) await hook(metrics, tenantId, url + path);
  for (const alert of alerts) await change(metrics.worker, tenantId, { begun: [alert] });
  startDelivering(metrics);
  startDelivering(metrics);
  await expect.poll(() => posts.length, { timeout: 15_000 }).toBe(18);
  // Long enough for one more, were there any.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  for (const path of paths) {
    const told = posts
      .filter((post) => post.path === path)
      .map(({ body }) => (JSON.parse(body) as { alert: { alert_id: string } }).alert.alert_id);
    expect(told).toEqual(alerts.map(({ alertId }) => alertId));
  }
  expect(mostAtOnce).toBe(1);
});
