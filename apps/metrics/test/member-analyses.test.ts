import { Code, ConnectError } from '@connectrpc/connect';
import { AttributionModel, RetentionMode } from '@parley/contracts/parley/metrics/v1/analysis_service';
import { BadRequestSchema } from '@parley/contracts/google/rpc/error_details';
import { Dimension, Granularity } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { event, tickAt } from './events.ts';
import { operatorKey, startService } from './service-fixture.ts';

const cluster = await testCluster();
const now = () => new Date('2026-03-10T12:00:00Z');

const said = (id: string, at: string, memberId: string, botId = 'sales') =>
  event({ case: 'interaction', value: { botId, memberId, channel: 'web' } }, { id, at });
const came = (
  id: string,
  at: string,
  interactionId: string,
  said: { outcome: 1 | 2 | 3; checkoutCompleted?: boolean; minorUnits?: bigint },
) =>
  event(
    {
      case: 'conversion',
      value: {
        interactionId,
        outcome: said.outcome,
        checkoutCompleted: said.checkoutCompleted ?? false,
        ...(said.minorUnits !== undefined && { value: { minorUnits: said.minorUnits, currencyCode: 'USD' } }),
      },
    },
    { id, at },
  );

/** Dee was there before; ann and bob begin on the 7th, cyd on the 8th. Everything is known up to noon on the 10th. */
const events = [
  said('i0', '2026-03-01T09:00:00Z', 'dee'),
  said('i1', '2026-03-07T10:00:00Z', 'ann', 'help'),
  said('i2', '2026-03-07T11:00:00Z', 'bob'),
  said('i3', '2026-03-08T10:00:00Z', 'ann'),
  said('i4', '2026-03-08T11:00:00Z', 'cyd'),
  said('i5', '2026-03-08T12:00:00Z', 'dee'),
  said('i6', '2026-03-09T09:00:00Z', 'ann'),
  said('i7', '2026-03-10T12:00:00Z', 'bob'),
  came('c1', '2026-03-07T10:30:00Z', 'i1', { outcome: 2 }),
  came('c2', '2026-03-08T10:30:00Z', 'i3', { outcome: 1, checkoutCompleted: true, minorUnits: 1_001n }),
  came('c3', '2026-03-08T11:10:00Z', 'i4', { outcome: 1, minorUnits: 500n }),
  came('c4', '2026-03-09T12:00:00Z', 'i2', { outcome: 2 }),
  event(
    { case: 'refund', value: { conversionId: 'c3', value: { minorUnits: 200n, currencyCode: 'USD' } } },
    { id: 'r1', at: '2026-03-09T12:00:00Z' },
  ),
  tickAt(now()),
];
const window = {
  window: { case: 'dates' as const, value: { startDate: '2026-03-07', endDate: '2026-03-09' } },
};

test(
  'who comes back, who is lost, and what they bring is what a pencil makes of it',
  { timeout: 60_000 },
  async () => {
    const { tell, analysesAs, keyOf } = await startService(cluster, { now });
    await tell(events);
    const a = analysesAs({ credential: keyOf(['read']) });

    const retention = await a.getCohortRetention({ window, periodCount: 3 });
    const rates = (cells: (typeof retention)['overall']) => cells.map(({ rate }) => rate?.value);
    expect(retention.cohorts.map(({ memberCount }) => memberCount)).toEqual([2n, 1n]);
    // The 10th is not over, so that nothing is said of it: not 0.
    expect(rates(retention.cohorts[0]?.cells ?? [])).toEqual([1, 0.5, 0.5, undefined]);
    expect(rates(retention.cohorts[1]?.cells ?? [])).toEqual([1, 0, undefined, undefined]);
    expect(retention.overall.map(({ rate }) => [rate?.numerator, rate?.denominator])).toEqual([
      [3, 3],
      [1, 3],
      [1, 2],
      [undefined, undefined],
    ]);
    const unbounded = await a.getCohortRetention({ window, periodCount: 1, mode: RetentionMode.UNBOUNDED });
    // Bob is back on the 10th, after all periods that are read.
    expect(rates(unbounded.cohorts[0]?.cells ?? [])).toEqual([1, 0.5]);
    const bracket = await a.getCohortRetention({
      window,
      mode: RetentionMode.BRACKET,
      bracketStarts: [1, 3],
    });
    expect(
      bracket.cohorts[0]?.cells.map((cell) => [cell.periodStart, cell.periodEnd, cell.rate?.value]),
    ).toEqual([
      [1, 3, 0.5],
      [3, 5, undefined],
    ]);
    const weeks = await a.getCohortRetention({ window, granularity: Granularity.WEEK, periodCount: 1 });
    expect(rates(weeks.cohorts[0]?.cells ?? [])).toEqual([1, undefined]);
    expect(weeks.context).toMatchObject({ timeZone: 'UTC', currencyCode: 'USD' });

    const lifetime = await a.getLifetimeValue({ window, periodCount: 2, margin: 0.5 });
    // 10.01 of two; 5.00 less 2.00 of one.
    expect(lifetime.cohorts.map(({ cells }) => cells.map(({ value }) => value?.value))).toEqual([
      [0, 5.005, 5.005],
      [5, 3, undefined],
    ]);
    // Ann on three days, bob on one, cyd on one; ann stays twice, bob and cyd leave.
    expect(lifetime.revenuePerPeriod).toMatchObject({ numerator: 13.01, denominator: 5 });
    expect(lifetime.churnRate).toMatchObject({ numerator: 2, denominator: 4 });
    expect(lifetime.expectedLifetimeValue?.value).toBeCloseTo(((13.01 / 5) * 0.5) / 0.5, 12);

    const funnel = await a.getFunnel({ window });
    expect(funnel.steps.map(({ name, memberCount }) => [name, memberCount])).toEqual([
      ['message', 4n],
      ['visit', 3n],
      ['checkout', 1n],
      ['purchase', 1n],
    ]);
    expect(funnel.steps[1]).toMatchObject({ stepRate: { value: 0.75 }, medianDurationMs: 1_800_000 });
    const quick = await a.getFunnel({ window, withinSeconds: 3_600n });
    expect(quick.steps.map(({ memberCount }) => memberCount)).toEqual([4n, 2n, 0n, 0n]);

    const credits = async (model: AttributionModel) =>
      (await a.getAttribution({ window, model, dimension: Dimension.BOT })).credits.map((credit) => [
        credit.dimensionValue,
        credit.creditMinorUnits,
        credit.conversionCredit,
      ]);
    expect(await credits(AttributionModel.LAST)).toEqual([['sales', 1_301n, 2]]);
    expect(await credits(AttributionModel.FIRST)).toEqual([
      ['help', 1_001n, 1],
      ['sales', 300n, 1],
    ]);
    expect(await credits(AttributionModel.LINEAR)).toEqual([
      ['sales', 801n, 1.5],
      ['help', 500n, 0.5],
    ]);

    const dialects = await a.getDialectKpis({ window });
    expect(dialects.values.map(({ definitionId }) => definitionId.replace(/[?].*/, ''))).toEqual(
      dialects.definitions.map(({ definitionId }) => definitionId),
    );
    expect(new Set(dialects.definitions.map(({ definitionId }) => definitionId.split('/')[0]))).toEqual(
      new Set(['google.v1', 'intercom.v1', 'microsoft.v1', 'zendesk.v1']),
    );

    const b = analysesAs({ credential: operatorKey, tenant: 'tenant-b' });
    expect((await b.getCohortRetention({ window })).cohorts.map(({ memberCount }) => memberCount)).toEqual([
      0n,
      0n,
    ]);
    expect((await b.getFunnel({ window })).steps.map(({ memberCount }) => memberCount)).toEqual([
      0n,
      0n,
      0n,
      0n,
    ]);
    expect((await b.getAttribution({ window })).credits).toEqual([]);
    expect((await b.getLifetimeValue({ window })).expectedLifetimeValue).toBeUndefined();
  },
);

test('what can’t be asked is refused by its field', { timeout: 60_000 }, async () => {
  const { tell, analysesAs, keyOf } = await startService(cluster, { now });
  await tell(events);
  const a = analysesAs({ credential: keyOf(['read']) });
  const fieldOf = async (asked: Promise<unknown>) => {
    const error = ConnectError.from(await asked.catch((reason: unknown) => reason));
    expect(error.code).toBe(Code.InvalidArgument);
    return error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations)[0]?.field;
  };
  const bracket = { mode: RetentionMode.BRACKET };
  expect(await fieldOf(a.getCohortRetention(bracket))).toBe('bracket_starts');
  expect(await fieldOf(a.getCohortRetention({ ...bracket, bracketStarts: [3, 2] }))).toBe('bracket_starts');
  expect(await fieldOf(a.getCohortRetention({ bracketStarts: [1] }))).toBe('bracket_starts');
  expect(await fieldOf(a.getCohortRetention({ ...bracket, bracketStarts: [1], periodCount: 3 }))).toBe(
    'period_count',
  );
  expect(await fieldOf(a.getCohortRetention({ granularity: Granularity.HOUR }))).toBe('granularity');
  const year = { window: { case: 'days' as const, value: 400 } };
  expect(await fieldOf(a.getCohortRetention({ window: year }))).toBe('window');
  expect(await fieldOf(a.getLifetimeValue({ window: year }))).toBe('window');
  expect(await fieldOf(a.getLifetimeValue({ margin: 0 }))).toBe('margin');
  expect(await fieldOf(a.getFunnel({ withinSeconds: 59n }))).toBe('within_seconds');
  expect(await fieldOf(a.getAttribution({ dimension: Dimension.SEGMENT }))).toBe('dimension');
});
