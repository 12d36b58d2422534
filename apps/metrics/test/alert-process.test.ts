import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '@parley/database';
import { createSealer } from '@parley/outbound';
import { TEST_SECRET, testCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { addWebhook } from '../src/storage/alert-webhooks.ts';
import { event, tenantA, tickAt } from './events.ts';
import { logger, partition, prepareMetrics } from './metrics-database.ts';
import { freePort, run, startLogServer } from './metrics-process.ts';
import { serviceSecret } from './service-fixture.ts';
import { createSimulatedLog } from './simulated-log.ts';

const cluster = await testCluster();
const certificate = (name: string) =>
  readFileSync(
    fileURLToPath(new URL(`../../../libs/platform/rpc/test/certificates/${name}`, import.meta.url)),
    'utf8',
  );
const minute = 60_000;

test(
  'killed at any step between what fails and what is told of it, each alert begins and ends once, and its posts keep their ids',
  { timeout: 240_000 },
  async () => {
    const database = await cluster.database('metrics', prepareMetrics);
    const open = async (role: string) => {
      const url = database.urlFor(role);
      const options = { url, service: 'metrics', poolSize: 2, applicationName: 'test', logger };
      const db = await openDatabase({ ...options, statementTimeoutMs: 20_000 });
      onTestFinished(() => db.close());
      return db;
    };
    const worker = await open('metrics_worker');
    const app = await open('metrics_app');

    const posts: { readonly id: string; readonly type: string }[] = [];
    const receiver = createServer(
      { cert: certificate('server.cert.pem'), key: certificate('server.key.pem') },
      (request, response) => {
        let body = '';
        request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        request.on('end', () => {
          const { type } = JSON.parse(body) as { type: string };
          posts.push({ id: String(request.headers['parley-delivery']), type });
          response.end();
        });
      },
    );
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      receiver.close();
    });
    const url = `https://localhost:${(receiver.address() as AddressInfo).port}/`;
    const sealer = createSealer(serviceSecret, 'parley webhook secrets');
    await app.withTenant(tenantA, (tx) =>
      addWebhook(
        tx,
        { partition, tenantId: tenantA },
        { webhookId: randomUUID(), url, severities: ['page'], createdAt: new Date() },
        sealer.seal('a secret'),
      ),
    );

    const log = createSimulatedLog(partition);
    const env = {
      PARLEY_LOG_LEVEL: 'error',
      PARLEY_DATABASE_URL: database.adminUrl,
      PARLEY_DATABASE_SECRET: TEST_SECRET,
      PARLEY_INGESTION_URL: await startLogServer(log),
      PARLEY_SERVICE_SECRET: serviceSecret,
      PARLEY_ENDPOINT_PRIVATE_RANGES: '127.0.0.0/8,::1/128',
      PARLEY_ENDPOINT_CA: certificate('ca.cert.pem'),
    };
    const killedAt = async (failpoint: string) => {
      const child = run({ ...env, PARLEY_PORT: String(await freePort()), PARLEY_FAILPOINT: failpoint });
      await once(child, 'exit', { signal: AbortSignal.timeout(60_000) });
      expect(child.signalCode).toBe('SIGKILL');
      // As if half a minute had passed, when what it held is free.
      await worker.query('update alert_clocks set held_until = null');
      await worker.query('update webhooks set held_until = null');
    };
    const pages = async () => {
      const { rows } = await worker.query<{ began: Date; ended: Date | null }>(
        "select started_at as began, ended_at as ended from alerts where severity = 'page'",
      );
      return rows.map(({ began, ended }) => [began.getTime(), ended?.getTime()]);
    };
    const deliveries = async () => {
      const { rows } = await worker.query<{ state: string; attempts: number }>(
        'select state, attempt_count as attempts from webhook_deliveries order by number',
      );
      return rows.map(({ state, attempts }) => `${state} ${attempts}`);
    };

    const start = Math.floor(Date.now() / minute) * minute;
    const botId = 'help';
    log.append([
      ...Array.from({ length: 120 }, () =>
        event(
          { case: 'interaction', value: { botId, errorCode: 'timeout' } },
          { id: randomUUID(), at: new Date(start - 2 * minute) },
        ),
      ),
      tickAt(new Date(start)),
    ]);
    await killedAt('alerts:read');
    expect(await pages()).toEqual([]);
    await killedAt('alerts:written');
    expect(await pages()).toEqual([]);
    await killedAt('alerts:committed');
    expect(await pages()).toEqual([[start, undefined]]);
    expect([await deliveries(), posts]).toEqual([['pending 0'], []]);
    await killedAt('webhook:held');
    expect([await deliveries(), posts]).toEqual([['pending 0'], []]);
    await killedAt('webhook:posted');
    expect([await deliveries(), posts.length]).toEqual([['pending 0'], 1]);
    await killedAt('webhook:noted');
    expect([await deliveries(), posts.length]).toEqual([['delivered 1'], 2]);
    expect(posts[1]).toEqual(posts[0]);

    // It is calm from here on, and over five minutes later.
    const calm = start + 40 * minute;
    log.append([tickAt(new Date(calm))]);
    await killedAt('alerts:committed');
    expect(await pages()).toEqual([[start, undefined]]);
    const over = calm + 5 * minute;
    log.append([tickAt(new Date(over))]);
    await killedAt('alerts:written');
    expect(await pages()).toEqual([[start, undefined]]);
    await killedAt('alerts:committed');
    expect(await pages()).toEqual([[start, over]]);

    const last = run({ ...env, PARLEY_PORT: String(await freePort()) });
    await expect.poll(deliveries, { timeout: 30_000 }).toEqual(['delivered 1', 'delivered 1']);
    log.append([tickAt(new Date(over + minute))]);
    await expect
      .poll(
        async () =>
          (await worker.query<{ at: Date }>('select judged_at as at from alert_clocks')).rows[0]?.at,
        { timeout: 30_000 },
      )
      .toEqual(new Date(over + minute));
    last.kill('SIGTERM');
    await once(last, 'exit');
    expect(await pages()).toEqual([[start, over]]);
    expect(posts.map(({ type }) => type)).toEqual(['alert.began', 'alert.began', 'alert.ended']);
    expect(new Set(posts.map(({ id }) => id)).size).toBe(2);
  },
);
