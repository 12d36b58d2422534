import { randomUUID } from 'node:crypto';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Client } from '@connectrpc/connect';
import { AlertService } from '@parley/contracts/parley/metrics/v1/alert_service';
import type { WatchAlertsResponse } from '@parley/contracts/parley/metrics/v1/alert_service';
import { BadRequestSchema, ErrorInfoSchema } from '@parley/contracts/google/rpc/error_details';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { openDatabase } from '@parley/database';
import type { Database } from '@parley/database';
import { testCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { change, newAlert } from './alert-changes.ts';
import { event, tenantA, tenantB, tickAt } from './events.ts';
import { logger } from './metrics-database.ts';
import { operatorKey, startService } from './service-fixture.ts';
import type { TestServiceOptions } from './service-fixture.ts';

const cluster = await testCluster();

async function open(options: TestServiceOptions = {}) {
  const service = await startService(cluster, options);
  const dbOf = async (role: string): Promise<Database> => {
    const url = service.database.urlFor(role);
    const db = await openDatabase({
      url,
      service: 'metrics',
      poolSize: 3,
      applicationName: 'test',
      statementTimeoutMs: 20_000,
      logger,
    });
    onTestFinished(() => db.close());
    return db;
  };
  const { clientOf, keyOf } = service;
  return {
    ...service,
    worker: await dbOf('metrics_worker'),
    app: await dbOf('metrics_app'),
    reading: clientOf(AlertService, { credential: keyOf(['read']) }),
    admin: clientOf(AlertService, { credential: keyOf(['admin']), protocol: 'connect' }),
    adminOfB: clientOf(AlertService, { credential: operatorKey, tenant: 'tenant-b' }),
  };
}

function watch(client: Client<typeof AlertService>, request: object = {}) {
  const end = new AbortController();
  onTestFinished(() => end.abort());
  const stream = client.watchAlerts(request, { signal: end.signal, timeoutMs: 60_000 });
  const responses = stream[Symbol.asyncIterator]();
  return {
    async next(): Promise<WatchAlertsResponse> {
      const { done, value } = await responses.next();
      if (done === true) throw new Error('The stream ended.');
      return value;
    },
    end: () => end.abort(),
  };
}

/** `began ID` or `ended ID`; `nothing` where there is no alert. */
function told({ alert }: WatchAlertsResponse): string {
  if (alert === undefined) return 'nothing';
  return `${alert.endedAt === undefined ? 'began' : 'ended'} ${alert.alertId}`;
}

async function failureOf(call: Promise<unknown>) {
  const error = ConnectError.from(
    await call.then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  return {
    code: error.code,
    reason: error.findDetails(ErrorInfoSchema)[0]?.reason,
    violations: error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field, reason }) => ({
      field,
      reason,
    })),
  };
}

const noon = Date.parse('2026-03-08T12:00:00Z');
const minute = 60_000;

function failing(count: number, at: number) {
  return Array.from({ length: count }, () =>
    event(
      { case: 'interaction', value: { botId: 'help', errorCode: 'timeout' } },
      { id: randomUUID(), at: new Date(at) },
    ),
  );
}

test(
  'what fails becomes an alert at the events’ own time and is over when it is over; what is behind is not judged',
  { timeout: 90_000 },
  async () => {
    let now = noon;
    const { tell, log, reading, worker } = await open({ now: () => new Date(now) });
    const judgedAt = async () => {
      const { rows } = await worker.query<{ at: Date }>('select judged_at as at from alert_clocks');
      return rows[0]?.at?.getTime();
    };
    const alerts = async () => (await reading.listAlerts({})).alerts;
    await tell([...failing(120, noon - 90_000), tickAt(new Date(noon + 1_500))]);
    await expect.poll(judgedAt, { timeout: 15_000 }).toBe(noon);
    const [alert, ...others] = await alerts();
    expect(others).toEqual([]);
    expect(alert).toMatchObject({ botId: 'help', objective: 'success', severity: 'page' });
    expect(alert?.evidence).toMatch(/^100 % of 120 interactions failed in the last hour /);
    expect(timestampDate(alert!.startedAt!).getTime()).toBe(noon);
    expect(alert?.endedAt).toBeUndefined();

    // The log is silent for two minutes: whatever it holds is missing.
    log.setReachable(false);
    now += 2 * minute;
    await worker.query("update projection_checkpoints set complete_to = complete_to + interval '1 minute'");
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    expect(await judgedAt()).toBe(noon);
    log.setReachable(true);
    await expect.poll(judgedAt, { timeout: 15_000 }).toBe(noon + minute);

    for (const minutes of [31, 36]) {
      now = noon + minutes * minute;
      await tell([tickAt(new Date(now))]);
      await expect.poll(judgedAt, { timeout: 15_000 }).toBe(now);
      const ends = (await alerts()).map(
        ({ severity, endedAt }) => [severity, endedAt && timestampDate(endedAt).getTime()] as const,
      );
      // What it has cost of three days' budget is a ticket, once it isn't a page any more.
      expect(ends).toEqual(
        minutes === 36
          ? [
              ['ticket', undefined],
              ['page', now],
            ]
          : [['page', undefined]],
      );
    }
  },
);

test('a stream gives what is open first, then each beginning and end once, also to who comes back', async () => {
  const { worker, reading } = await open();
  const [first, second, third] = [
    newAlert('page', 'help'),
    newAlert('ticket', 'help'),
    newAlert('page', 'shop'),
  ];
  const gone = newAlert();
  await change(worker, tenantA, { begun: [gone, first, second] });
  await change(worker, tenantA, { ended: [gone] });

  const stream = watch(reading);
  expect([told(await stream.next()), told(await stream.next())]).toEqual([
    `began ${first.alertId}`,
    `began ${second.alertId}`,
  ]);
  const { resumeToken, ...quiet } = await stream.next();
  expect(quiet.alert).toBeUndefined();
  const ofShop = watch(reading, { botId: 'shop' });
  expect(told(await ofShop.next())).toBe('nothing');

  await change(worker, tenantA, { begun: [third], ended: [first] });
  expect([told(await stream.next()), told(await stream.next())]).toEqual([
    `ended ${first.alertId}`,
    `began ${third.alertId}`,
  ]);
  expect(told(await ofShop.next())).toBe(`began ${third.alertId}`);
  stream.end();
  await change(worker, tenantA, { ended: [third] });

  // From where it was when it was quiet: a beginning comes as such, although it is over.
  const resumed = watch(reading, { resumeToken });
  expect([await resumed.next(), await resumed.next(), await resumed.next()].map(told)).toEqual([
    `ended ${first.alertId}`,
    `began ${third.alertId}`,
    `ended ${third.alertId}`,
  ]);
  expect((await failureOf(watch(reading, { resumeToken: 'here' }).next())).code).toBe(Code.InvalidArgument);
});

test(
  'who is not told anything hears every 15 seconds that the stream is there',
  { timeout: 60_000 },
  async () => {
    const { reading } = await open();
    const stream = watch(reading);
    expect(told(await stream.next())).toBe('nothing');
    const began = performance.now();
    expect(told(await stream.next())).toBe('nothing');
    expect(performance.now() - began).toBeGreaterThan(10_000);
  },
);

test('lists are paged, the latest first, by bot and whether they are open', async () => {
  const { worker, reading } = await open();
  const alerts = Array.from({ length: 6 }, (_, n) => newAlert(n < 3 ? 'page' : 'ticket', `bot-${n % 3}`));
  for (const alert of alerts) await change(worker, tenantA, { begun: [alert] });
  await change(worker, tenantA, { ended: alerts.slice(0, 3) });
  const idsOf = async (request: object) => {
    const ids: string[] = [];
    let pageToken = '';
    do {
      const page = await reading.listAlerts({ ...request, pageSize: 2, pageToken });
      expect(page.alerts.length).toBeLessThanOrEqual(2);
      ids.push(...page.alerts.map(({ alertId }) => alertId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return ids;
  };
  const latest = alerts.map(({ alertId }) => alertId).reverse();
  expect(await idsOf({})).toEqual(latest);
  expect(await idsOf({ openOnly: true })).toEqual(latest.slice(0, 3));
  const ofBot = alerts.filter(({ botId }) => botId === 'bot-0').map(({ alertId }) => alertId);
  expect(await idsOf({ botId: 'bot-0' })).toEqual(ofBot.reverse());
  expect(await idsOf({ botId: 'bot-0', openOnly: true })).toEqual(ofBot.slice(0, 1));

  const { nextPageToken } = await reading.listAlerts({ pageSize: 2 });
  const other = await failureOf(
    reading.listAlerts({ pageSize: 2, openOnly: true, pageToken: nextPageToken }),
  );
  expect(other.violations).toEqual([{ field: 'page_token', reason: 'INVALID_PAGE_TOKEN' }]);
});

test('a webhook’s secret is shown once, twenty are the most, and what is removed is gone', async () => {
  const { admin, worker } = await open();
  const url = 'https://8.8.8.8/alerts';
  const { webhook, secret } = await admin.createWebhook({ url, severities: ['page'] });
  expect(webhook).toMatchObject({ url, severities: ['page'] });
  expect(secret).toMatch(/^whsec_[\w-]{43}$/);
  const { rows } = await worker.query<{ secret: Buffer }>('select secret from webhooks');
  expect(rows[0]?.secret.toString('latin1')).not.toContain(secret);

  const answers = await Promise.all(
    Array.from({ length: 24 }, () => failureOf(admin.createWebhook({ url }))),
  );
  expect(answers.filter(({ reason }) => reason === 'TOO_MANY_WEBHOOKS')).toHaveLength(5);
  const { webhooks } = await admin.listWebhooks({});
  expect(webhooks).toHaveLength(20);

  await change(worker, tenantA, { begun: [newAlert()] });
  const webhookId = webhook?.webhookId ?? '';
  expect((await admin.listWebhookDeliveries({ webhookId })).deliveries).toMatchObject([
    { alertId: expect.any(String) },
  ]);
  await admin.deleteWebhook({ webhookId });
  for (const call of [admin.deleteWebhook, admin.listWebhookDeliveries])
    expect(await failureOf(call({ webhookId }))).toMatchObject({
      code: Code.NotFound,
      reason: 'WEBHOOK_NOT_FOUND',
    });
  expect((await admin.listWebhooks({})).webhooks).toHaveLength(19);
});

test.each([
  ['http://8.8.8.8/', 'URL_NOT_HTTPS'],
  ['https://127.0.0.1/', 'ADDRESS_REFUSED'],
  ['https://169.254.169.254/latest/meta-data', 'ADDRESS_REFUSED'],
  ['https://localhost/', 'ADDRESS_REFUSED'],
  ['https://[::1]/', 'ADDRESS_REFUSED'],
  ['https://user@8.8.8.8/', 'URL_INVALID'],
])('%s is refused as a webhook: %s', async (url, reason) => {
  const { admin } = await open();
  expect(await failureOf(admin.createWebhook({ url }))).toMatchObject({
    code: Code.InvalidArgument,
    violations: [{ field: 'url', reason }],
  });
});

test('two tenants never see each other’s alerts and webhooks, and webhooks need an admin', async () => {
  const { worker, app, admin, adminOfB, reading } = await open();
  const { webhook } = await admin.createWebhook({ url: 'https://8.8.8.8/' });
  const webhookId = webhook?.webhookId ?? '';
  await change(worker, tenantA, { begun: [newAlert()] });

  expect((await adminOfB.listAlerts({})).alerts).toEqual([]);
  expect((await adminOfB.listWebhooks({})).webhooks).toEqual([]);
  expect(told(await watch(adminOfB).next())).toBe('nothing');
  expect((await failureOf(adminOfB.deleteWebhook({ webhookId }))).code).toBe(Code.NotFound);
  expect((await failureOf(adminOfB.listWebhookDeliveries({ webhookId }))).code).toBe(Code.NotFound);
  for (const table of ['alerts', 'webhooks', 'webhook_deliveries']) {
    const countFor = (tenantId: string) =>
      app.withTenant(tenantId, async (tx) => (await tx.query(`select from ${table}`)).rowCount);
    expect([await countFor(tenantA), await countFor(tenantB)]).toEqual([1, 0]);
  }
  await expect(app.query('select from alert_clocks')).rejects.toThrow();

  expect((await reading.listAlerts({})).alerts).toHaveLength(1);
  const refused = [
    () => reading.createWebhook({ url: 'https://8.8.8.8/' }),
    () => reading.listWebhooks({}),
    () => reading.deleteWebhook({ webhookId }),
    () => reading.listWebhookDeliveries({ webhookId }),
  ];
  for (const call of refused) expect((await failureOf(call())).code).toBe(Code.PermissionDenied);
});
