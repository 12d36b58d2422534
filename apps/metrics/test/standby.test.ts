import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { openDatabase } from '@parley/database';
import { testCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { event } from './events.ts';
import type { NewEvent } from './events.ts';
import { logger, partition } from './metrics-database.ts';
import { startService } from './service-fixture.ts';
import type { TestService } from './service-fixture.ts';

const cluster = await testCluster();
const at = new Date();

function said(id: string): NewEvent {
  // What was received long ago would count as long behind.
  return event({ case: 'interaction', value: { botId: 'sales' } }, { id, at, receivedAt: new Date() });
}

const window = {
  window: {
    case: 'range' as const,
    value: {
      start: timestampFromDate(new Date(at.getTime() - 3_600_000)),
      end: timestampFromDate(new Date(at.getTime() + 3_600_000)),
    },
  },
};

async function total(
  service: TestService,
  request: { minPosition?: string } = {},
): Promise<number | undefined> {
  return (await service.a.getEngagementKpis({ window, ...request })).kpis?.totalInteractions?.value;
}

/** How many connections the service's app role has to the standby. */
async function connections({ standby, database }: TestService): Promise<number> {
  const db = await openDatabase({
    url: standby?.urlFor(database, 'metrics_worker') ?? '',
    service: 'metrics',
    poolSize: 1,
    applicationName: 'test',
    statementTimeoutMs: 10_000,
    logger,
  });
  try {
    const { rows } = await db.query<{ count: bigint }>(
      `select count(*) from pg_stat_activity where usename = 'metrics_app' and datname = current_database()`,
    );
    return Number(rows[0]?.count);
  } finally {
    await db.close();
  }
}

test(
  'reports are answered by the standby, what must be fresh is not, and neither is stale',
  { timeout: 60_000 },
  async () => {
    const service = await startService(cluster, { hasStandby: true });
    const { standby, positions, log, tell } = service;
    if (standby === undefined) throw new Error('There is no standby.');
    const standbyUrl = new URL(service.database.adminUrl);
    standbyUrl.port = String(standby.server.port);

    await tell([said('i1')]);
    await expect.poll(() => total(service)).toBe(1);
    // The standby has connections of the service by now.
    expect(await connections(service)).toBeGreaterThan(0);

    // It stands still. What was read before is answered as it was, and says how far it reaches.
    await standby.setPaused(true);
    onTestFinished(() => standby.setPaused(false));
    await tell([said('i2')]);
    const held = await service.a.getEngagementKpis({ window });
    expect(held.kpis?.totalInteractions?.value).toBe(1);
    expect(positions.open(held.context?.watermark?.position ?? '').offset).toBeLessThan(log.head);

    // Who has read what was written asks for it, and gets it from the database.
    const minPosition = positions.seal({ partition, offset: log.head });
    expect(await total(service, { minPosition })).toBe(2);

    // Who watches the last hour is not put off with the standby's.
    await service.tell([]);
    const live = await service.a.getRealTimeMetrics({});
    expect(positions.open(live.context?.watermark?.position ?? '').offset).toBe(log.head);

    // Behind for more than five seconds it is passed over.
    await expect.poll(() => total(service), { timeout: 15_000, interval: 500 }).toBe(2);

    await standby.setPaused(false);
    await expect.poll(() => total(service)).toBe(2);
  },
);

test('when the standby is gone, the database answers', { timeout: 60_000 }, async () => {
  const service = await startService(cluster, { hasStandby: true });
  await service.tell([said('i1')]);
  await expect.poll(() => total(service)).toBe(1);
  await service.standby?.server.stop();
  expect(await total(service)).toBe(1);
  // It is not asked again at once: no answer waits for it.
  const startedAt = performance.now();
  for (let count = 0; count < 5; count += 1) expect(await total(service)).toBe(1);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
