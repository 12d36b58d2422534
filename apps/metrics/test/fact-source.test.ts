import { randomUUID } from 'node:crypto';
import { cutWindow } from '@parley/calendar';
import type { DomainError } from '@parley/errors';
import { addStates, emptyState } from '@parley/kpi';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CutWindow } from '../src/storage/cut-parameters.ts';
import type { Cell, Dimension } from '../src/storage/figure-source.ts';
import { event, inOrder, tenantA } from './events.ts';
import {
  asked,
  binsOfThings,
  byValues,
  membersOfThings,
  payersOfThings,
  revenueOfThings,
  stateOfThings,
  thingsAsOf,
} from './fact-oracle.ts';
import type { Thing } from './fact-oracle.ts';
import { openMetricsRows } from './metrics-database.ts';
import type { MetricsRows, Scope } from './metrics-database.ts';
import {
  cutAtRandom,
  eventsOf,
  orders,
  received,
  segments,
  shuffle,
  span,
  start,
  time,
  world,
} from './random-world.ts';

const cluster = await testCluster();
const dayMs = 86_400_000;

const any = fc.constant(undefined);
const scopes = fc.record({
  botId: fc.oneof(any, any, fc.constantFrom('sales', 'help', 'unknown')),
  groupId: fc.oneof(any, any, fc.constantFrom('shop', 'app', 'unknown')),
  intent: fc.oneof(any, any, fc.constantFrom('buy', 'fallback', 'unknown')),
  channel: fc.oneof(any, any, fc.constantFrom('web', 'unknown')),
  sentiment: fc.oneof(any, any, fc.constantFrom('positive', 'negative', 'unknown')),
  segment: fc.oneof(any, any, fc.constantFrom(...segments, 'unknown')),
});
type Asked = typeof scopes extends fc.Arbitrary<infer Value> ? Value : never;
const dimensions: readonly Dimension[] = ['bot', 'group', 'intent', 'sentiment', 'segment', 'channel'];
const splits = fc.shuffledSubarray([...dimensions], { maxLength: 3 });
const instant = fc.oneof(
  time,
  time.map((ms) => Math.floor(ms / dayMs) * dayMs),
);
const windows = fc
  .array(fc.tuple(instant, instant), { minLength: 1, maxLength: 3 })
  .map((pairs) => [
    toWindow(start, start + span),
    ...pairs.map(([one, other]) => toWindow(Math.min(one, other), Math.max(one, other))),
  ]);

function toWindow(from: number, to: number): CutWindow {
  const [first, last] = [new Date(from), new Date(to)];
  return { start: first, end: last, cut: cutWindow(first, last) };
}

function toScope(said: Asked, tenantId: string): Scope {
  const entries = Object.entries(said).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(entries), tenantId };
}

/** Cells of each window, by their values. */
function byWindow<Content, Result>(
  cells: readonly Cell<Content>[],
  count: number,
  resultOf: (content: Content) => Result | undefined,
): readonly Readonly<Record<string, Result>>[] {
  return Array.from({ length: count }, (_, position) => {
    const own = cells.filter((cell) => cell.position === position);
    expect(new Set(own.map(({ values }) => JSON.stringify(values))).size).toBe(own.length);
    return Object.fromEntries(
      own.flatMap(({ values, content }) => {
        const result = resultOf(content);
        return result === undefined ? [] : [[JSON.stringify(values), result]];
      }),
    );
  });
}

async function expectSlowAnswers(
  metrics: MetricsRows,
  things: readonly Thing[],
  question: {
    readonly scope: Scope;
    readonly dimensions: readonly Dimension[];
    readonly windows: readonly CutWindow[];
    readonly asOf: number | undefined;
  },
): Promise<void> {
  const { scope, dimensions: by, windows: over, asOf } = question;
  const expected = <Content>(contentOf: (part: readonly Thing[]) => Content | undefined) =>
    over.map((window) => byValues(asked(things, scope, window), by, contentOf));
  const isOfBots = scope.botId !== undefined || by.includes('bot');
  const after = new Date(start + span / 2);
  const found = await metrics.facts(scope, { dimensions: by, asOf }, async (source) => ({
    sums: await source.sums(over),
    latencies: await source.latencies(over),
    awaiting: await source.awaiting(over, after),
    revenue: await source.revenue(over),
    members: await source.members(over),
    memberCounts: await source.memberCounts(over),
    payers: await source.payers(over, 'USD'),
  }));
  const all = over.length;
  const isEmptySet = (size: number) => size || undefined;
  expect(byWindow(found.sums, all, (state) => (isNothing(state) ? undefined : state))).toEqual(
    expected(stateOfThings),
  );
  expect(byWindow(found.latencies, all, (bins) => (bins.size === 0 ? undefined : bins))).toEqual(
    expected(binsOfThings),
  );
  expect(byWindow(found.awaiting, all, isEmptySet)).toEqual(
    expected((part) =>
      isEmptySet(
        part
          .filter(({ at }) => at >= after.getTime())
          .reduce((sum, { state }) => sum + state.withoutResponseCount, 0),
      ),
    ),
  );
  expect(byWindow(found.revenue, all, (revenue) => (revenue.size === 0 ? undefined : revenue))).toEqual(
    expected(revenueOfThings),
  );
  expect(byWindow(found.members, all, ({ length }) => isEmptySet(length))).toEqual(expected(membersOfThings));
  expect(byWindow(found.memberCounts, all, isEmptySet)).toEqual(expected(membersOfThings));
  expect(byWindow(found.payers, all, ({ length }) => isEmptySet(length))).toEqual(
    expected((part) => payersOfThings(part, 'USD', isOfBots)),
  );
  for (const { content } of [...found.members, ...found.payers]) {
    expect([...content]).toEqual([...new Set(content)].sort((a, b) => a - b));
  }
  if (by.length === 0) {
    for (const cells of Object.values(found))
      expect(cells.map(({ position }) => position)).toEqual([...over.keys()]);
  }
}

function isNothing(state: object): boolean {
  return Object.values(state).every((count) => count === 0);
}

test(
  'facts answer any scope by any dimensions, as known now and on each earlier day, as a slow count of raw events does',
  { timeout: 300_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(
        world,
        orders,
        fc.array(fc.tuple(scopes, splits, windows, fc.option(fc.nat(30))), { minLength: 6, maxLength: 6 }),
        async (said, stream, questions) => {
          const tenantId = randomUUID();
          await metrics.forgetTime();
          const log = received(shuffle(eventsOf(said, tenantId), stream));
          for (const batch of cutAtRandom(inOrder(log), stream)) await metrics.fold(batch);
          for (const [scope, by, over, days] of questions) {
            const asOf = days === null ? undefined : start / dayMs + days;
            const until = asOf === undefined ? Infinity : (asOf + 1) * dayMs;
            await expectSlowAnswers(metrics, thingsAsOf(log, until), {
              scope: toScope(scope, tenantId),
              dimensions: by,
              windows: over,
              asOf,
            });
          }
        },
      ),
      { numRuns: 40 },
    );
  },
);
