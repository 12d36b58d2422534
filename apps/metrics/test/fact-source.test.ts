import { randomUUID } from 'node:crypto';
import { cutWindow } from '@parley/calendar';
import { DomainError } from '@parley/errors';
import {
  addConversationStates,
  addStates,
  emptyConversationState,
  emptyState,
  isNoRevenue,
} from '@parley/kpi';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CutWindow } from '../src/storage/cut-parameters.ts';
import type { Cell, Dimension, FigureSource } from '../src/storage/figure-source.ts';
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
const dimensions: readonly Dimension[] = [
  'bot',
  'group',
  'intent',
  'sentiment',
  'segment',
  'segments',
  'channel',
];
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

test(
  'the values of a dimension add up to the undivided answer, and each is what its own scope gives',
  { timeout: 240_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    const apart = dimensions.filter((dimension) => dimension !== 'segment');
    await fc.assert(
      fc.asyncProperty(
        world,
        orders,
        scopes,
        fc.shuffledSubarray(apart, { minLength: 1, maxLength: 3 }),
        windows,
        fc.option(fc.nat(20)),
        async (said, stream, scope, by, over, days) => {
          const tenantId = randomUUID();
          await metrics.forgetTime();
          await metrics.fold(inOrder(received(shuffle(eventsOf(said, tenantId), stream))));
          const asOf = days === null ? undefined : start / dayMs + days;
          const read = (of: Scope, split: readonly Dimension[]) =>
            metrics.facts(of, { dimensions: split, asOf }, async (source) => ({
              sums: await source.sums(over),
              conversations: await source.conversations(over),
            }));
          const full = toScope(scope, tenantId);
          const whole = await read(full, []);
          const parts = await read(full, by);
          for (const position of over.keys()) {
            const isOf = (cell: { readonly position: number }) => cell.position === position;
            const sums = parts.sums.filter(isOf).map(({ content }) => content);
            expect(sums.reduce(addStates, emptyState)).toEqual(whole.sums[position]?.content);
            const conversations = parts.conversations.filter(isOf).map(({ content }) => content);
            expect(conversations.reduce(addConversationStates, emptyConversationState)).toEqual(
              whole.conversations[position]?.content,
            );
          }
          const values = parts.conversations[0]?.values ?? parts.sums[0]?.values;
          // No scope is of several segments at once.
          if (values === undefined || by.includes('segments')) return;
          const names = { bot: 'botId', group: 'groupId' } as const;
          const own = by.map((name, index) => [
            name === 'bot' || name === 'group' ? names[name] : name,
            values[index],
          ]);
          const alone = await read({ ...full, ...(Object.fromEntries(own) as Scope) }, []);
          const isSame = (cell: Cell<unknown>) => JSON.stringify(cell.values) === JSON.stringify(values);
          for (const { position, content } of parts.sums.filter(isSame)) {
            expect(alone.sums[position]?.content).toEqual(content);
          }
          for (const { position, content } of parts.conversations.filter(isSame)) {
            expect(alone.conversations[position]?.content).toEqual(content);
          }
        },
      ),
      { numRuns: 30 },
    );
  },
);

test('a question about too many facts is refused by what their days hold, and not for a group that is small', async () => {
  const metrics = await openMetricsRows(cluster);
  const at = (n: number) => new Date(start + n * 600_000);
  await metrics.fold(
    inOrder(
      Array.from({ length: 100 }, (_, n) =>
        event(
          {
            case: 'interaction',
            value: { botId: n % 4 === 0 ? 'help' : 'sales', groupId: n < 5 ? 'shop' : 'app' },
          },
          { id: `i${n}`, at: at(n) },
        ),
      ),
    ),
  );
  const count = async (scope: Scope, maxRows: number, over = [toWindow(start, start + dayMs)]) => {
    const options = { dimensions: [], asOf: undefined, maxRows };
    const cells = await metrics.facts({ ...scope, tenantId: tenantA }, options, (source) =>
      source.sums(over),
    );
    return cells.reduce((sum, { content }) => sum + content.interactionCount, 0);
  };
  expect(await count({ intent: 'unknown' }, 100)).toBe(100);
  const refused = await count({ intent: 'unknown' }, 99).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(DomainError);
  expect(refused).toMatchObject({
    kind: 'resource-exhausted',
    reason: 'TOO_MANY_ROWS',
    facts: { rows: '100', limit: '99' },
  });
  // A quarter of the day, though all of it has been said in another one.
  expect(await count({ intent: 'unknown' }, 25, [toWindow(start, start + dayMs / 4)])).toBe(36);
  // Each window is read by itself.
  const twice = [toWindow(start, start + dayMs), toWindow(start, start + dayMs)];
  await expect(count({ intent: 'unknown' }, 199, twice)).rejects.toThrow('an estimated 200 rows');
  expect(await count({ botId: 'help', intent: 'unknown' }, 25)).toBe(25);
  expect(await count({ groupId: 'shop' }, 5)).toBe(5);
  await expect(count({ groupId: 'shop' }, 4)).rejects.toThrow('more than 4 rows');
});

test(
  'facts and buckets say the same of a tenant and its bots, as known now and on each earlier day',
  { timeout: 240_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(
        world,
        orders,
        fc.constantFrom(undefined, 'sales', 'unknown'),
        fc.constantFrom<readonly Dimension[]>([], ['bot']),
        windows,
        fc.option(fc.nat(20)),
        async (said, stream, botId, by, over, days) => {
          const tenantId = randomUUID();
          await metrics.forgetTime();
          await metrics.fold(inOrder(received(shuffle(eventsOf(said, tenantId), stream))));
          const options = { dimensions: by, asOf: days === null ? undefined : start / dayMs + days };
          const scope = { tenantId, ...(botId !== undefined && { botId }) };
          const read = async (source: FigureSource) => ({
            sums: byWindow(await source.sums(over), over.length, (state) =>
              isNothing(state) ? undefined : state,
            ),
            latencies: byWindow(await source.latencies(over), over.length, (bins) => {
              const filled = [...bins]
                .filter(([, count]) => count !== 0)
                .sort(([one], [other]) => one - other);
              return filled.length === 0 ? undefined : filled;
            }),
            revenue: byWindow(await source.revenue(over), over.length, (revenue) => {
              const filled = [...revenue]
                .filter(([, sums]) => !isNoRevenue(sums))
                .sort(([one], [other]) => (one < other ? -1 : 1));
              return filled.length === 0 ? undefined : filled;
            }),
            members: byWindow(
              await source.members(over),
              over.length,
              (members) => [...members].join() || undefined,
            ),
            payers: byWindow(
              await source.payers(over, 'USD'),
              over.length,
              (members) => [...members].join() || undefined,
            ),
            // As of an earlier day conversations that begin earlier now than they did are elsewhere by their buckets.
            conversations:
              options.asOf === undefined
                ? byWindow(await source.conversations(over), over.length, (state) =>
                    isNothing(state) ? undefined : state,
                  )
                : [],
          });
          expect(await metrics.facts(scope, options, read)).toEqual(
            await metrics.buckets(scope, options, read),
          );
        },
      ),
      { numRuns: 30 },
    );
  },
);
