import type { KpiValue } from '@parley/contracts/parley/metrics/v1/kpi';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { event } from './events.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
const now = () => new Date('2026-03-10T00:00:00Z');

const said = (id: string, at: string, memberId: string, responseTimeMs: bigint) =>
  event({ case: 'interaction', value: { botId: 'sales', memberId, responseTimeMs } }, { id, at });
const sold = (id: string, at: string, interactionId: string, minorUnits: bigint, currencyCode = 'USD') =>
  event(
    { case: 'conversion', value: { interactionId, outcome: 1, value: { minorUnits, currencyCode } } },
    { id, at },
  );
const rated = (id: string, type: 1 | 2 | 3 | 4, rating: number) =>
  event(
    { case: 'feedback', value: { type, rating, interactionId: 'i1' } },
    { id, at: '2026-03-08T12:00:00Z' },
  );

/** Three days: ann was there before; bob buys twice and gets one back; cyd pays in euro. */
const events = [
  said('i0', '2026-03-01T09:00:00Z', 'dee', 100n),
  said('i1', '2026-03-07T10:00:00Z', 'ann', 0n),
  said('i2', '2026-03-07T11:00:00Z', 'bob', 200n),
  said('i3', '2026-03-08T10:00:00Z', 'bob', 400n),
  said('i4', '2026-03-09T10:00:00Z', 'cyd', 4_000n),
  said('i5', '2026-03-05T10:00:00Z', 'ann', 100n),
  sold('c1', '2026-03-07T11:05:00Z', 'i2', 2_900n),
  sold('c2', '2026-03-08T11:00:00Z', 'i3', 1_000n),
  sold('c3', '2026-03-09T11:00:00Z', 'i4', 500n, 'EUR'),
  event(
    { case: 'refund', value: { conversionId: 'c1', value: { minorUnits: 900n, currencyCode: 'USD' } } },
    { id: 'r1', at: '2026-03-09T12:00:00Z' },
  ),
  rated('f1', 2, 10),
  rated('f2', 2, 3),
  rated('f3', 3, 6),
  rated('f4', 4, 1),
];
const window = {
  window: { case: 'dates' as const, value: { startDate: '2026-03-07', endDate: '2026-03-10' } },
};

const valuesOf = (figures: object | undefined) =>
  Object.fromEntries(
    Object.entries(figures ?? {}).flatMap(([name, figure]: [string, unknown]) =>
      typeof figure === 'object' && figure !== null && 'hasData' in figure
        ? [[name, (figure as KpiValue).value]]
        : [],
    ),
  );

test(
  'money, audience, percentiles and scores are what a pencil makes of them',
  { timeout: 60_000 },
  async () => {
    const { tell, a } = await startService(cluster, { now });
    await tell(events);

    const all = await a.getKpis({ window });
    expect(valuesOf(all.revenue)).toMatchObject({
      revenue: 30,
      grossRevenue: 39,
      refunded: 9,
      revenuePerInteraction: 7.5,
      // (29 / 2 + 10 / 1 - 9 / 1) / 3
      arpu: 15.5 / 3,
      arppu: 30,
      payingMembers: 1,
      avgOrderValue: 19.5,
    });
    expect(all.revenue?.byCurrency).toMatchObject([
      {
        currencyCode: 'EUR',
        grossMinorUnits: 500n,
        netMinorUnits: 500n,
        conversionCount: 1n,
        refundCount: 0n,
      },
      { currencyCode: 'USD', grossMinorUnits: 3_900n, refundedMinorUnits: 900n, netMinorUnits: 3_000n },
    ]);
    expect(valuesOf(all.audience)).toEqual({
      activeMembers: 3,
      dau: 4 / 3,
      wau: 3,
      mau: 4,
      stickiness: 1 / 3,
    });
    expect(all.customerExperience).toMatchObject({
      nps: { value: 0, sampleSize: 2n, smallSample: true },
      avgCes: { value: 6 },
      cesTop2Rate: { value: 1 },
      thumbsUpRate: { value: 1 },
    });
    const { responseLatencyP50Ms: median, responseLatencyP99Ms: slow } = all.operational ?? {};
    // Of 0, 200, 400 and 4000: ranks 2 and 3, counted from 1.
    expect(Math.abs((median?.value ?? 0) - 200)).toBeLessThanOrEqual(2);
    expect(Math.abs((slow?.value ?? 0) - 400)).toBeLessThanOrEqual(4);

    const { kpis: revenue } = await a.getRevenueKpis({ window });
    expect(revenue).toEqual(all.revenue);
    const { kpis: audience, context } = await a.getAudienceKpis({ window });
    expect(valuesOf(audience)).toEqual({
      ...valuesOf(all.audience),
      newMembers: 2,
      returningMembers: 1,
      resurrectedMembers: 0,
      dormantMembers: 0,
    });
    expect(audience?.activeDayDistribution.map(({ label, count }) => [label, count])).toEqual([
      ['1', 2n],
      ['2', 1n],
      ['3', 0n],
    ]);
    expect(context).toMatchObject({ timeZone: 'UTC', currencyCode: 'USD' });

    const { definitions } = await a.listKpiDefinitions({});
    const named = new Set(definitions.map(({ definitionId }) => definitionId));
    for (const figures of [all.revenue, all.operational, all.customerExperience, audience]) {
      for (const figure of Object.values(figures ?? {})) {
        if (typeof figure === 'object' && 'definitionId' in figure) {
          expect(named).toContain((figure as KpiValue).definitionId.replace(/[?].*/, ''));
        }
      }
    }
  },
);

test('another bot, group or tenant has none of it', { timeout: 60_000 }, async () => {
  const { tell, a, b } = await startService(cluster, { now });
  await tell(events);
  for (const asked of [
    await a.getRevenueKpis({ window, scope: { botId: 'help' } }),
    await a.getRevenueKpis({ window, scope: { groupId: 'shop' } }),
    await b.getRevenueKpis({ window }),
  ]) {
    expect(asked.kpis).toMatchObject({ revenue: { value: 0, hasData: false }, byCurrency: [] });
  }
  const sales = await a.getRevenueKpis({ window, scope: { botId: 'sales' } });
  expect(sales.kpis?.revenue?.value).toBe(30);
  expect((await b.getAudienceKpis({ window })).kpis?.mau).toMatchObject({ value: 0, hasData: false });
});
