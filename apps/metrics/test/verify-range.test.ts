import { openDatabase } from '@parley/database';
import { testCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { event, tenantA, tenantB } from './events.ts';
import { logger } from './metrics-database.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
const never = new AbortController().signal;

function said(tenantId: string, day: number, n: number) {
  const id = `${tenantId} ${day} ${n}`;
  const at = `2026-03-0${day}T12:${String(n).padStart(2, '0')}:00Z`;
  return event({ case: 'interaction', value: { botId: 'sales', memberId: `m${n}` } }, { id, at, tenantId });
}

test(
  'a verification of a range finds what differs inside, and nothing outside of it',
  { timeout: 60_000 },
  async () => {
    const service = await startService(cluster);
    const days = [1, 2, 3, 4, 5];
    await service.tell(
      days.flatMap((day) =>
        [tenantA, tenantB].flatMap((tenant) => [1, 2, 3].map((n) => said(tenant, day, n))),
      ),
    );
    const verify = async (range: { from?: string; to?: string; tenantId?: string }) => {
      const { from, to, tenantId } = range;
      const steps = service.running.projections.verify('metrics.kpi', never, {
        from: from === undefined ? undefined : new Date(from),
        to: to === undefined ? undefined : new Date(to),
        tenantId,
      });
      for await (const { result } of steps) if (result !== undefined) return result;
      throw new Error('A verification without an end.');
    };
    expect(await verify({})).toMatchObject({ differenceCount: 0, buckets: [] });

    const worker = await openDatabase({
      url: service.database.urlFor('metrics_worker'),
      service: 'metrics',
      poolSize: 1,
      applicationName: 'test tampering',
      statementTimeoutMs: 10_000,
      logger,
    });
    onTestFinished(() => worker.close());
    await worker.query(
      `update kpi_rollups set interaction_count = interaction_count + 1
        where tenant_id = $1 and level = 2 and cube = 0 and bucket_start = '2026-03-03T00:00:00Z'`,
      [tenantA],
    );
    await worker.query(
      `delete from interaction_facts where tenant_id = $1 and occurred_at = '2026-03-03T12:02:00Z'`,
      [tenantA],
    );

    const found = await verify({ from: '2026-03-03T00:00:00Z', to: '2026-03-04T00:00:00Z' });
    expect(found.differenceCount).toBe(2);
    expect(found.buckets).toMatchObject([
      {
        table: 'interaction_facts',
        tenantId: tenantA,
        start: new Date('2026-03-03T00:00:00Z'),
        actual: { rowCount: 2 },
        expected: { rowCount: 3 },
      },
      { table: 'kpi_rollups', tenantId: tenantA, actual: { rowCount: 6 }, expected: { rowCount: 6 } },
    ]);
    for (const { actual, expected } of found.buckets) expect(actual.hash).not.toBe(expected.hash);

    expect(await verify({ to: '2026-03-03T00:00:00Z' })).toMatchObject({ differenceCount: 0 });
    expect(await verify({ from: '2026-03-04T00:00:00Z' })).toMatchObject({ differenceCount: 0 });
    expect(await verify({ tenantId: tenantA })).toMatchObject({ differenceCount: 2 });
    const ofB = await verify({ tenantId: tenantB });
    expect(ofB).toMatchObject({ differenceCount: 0, buckets: [] });
    // Fifteen interactions, and what is made of them.
    expect(ofB.rowCount).toBeGreaterThan(30);
  },
);
