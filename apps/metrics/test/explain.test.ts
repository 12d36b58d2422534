import { randomUUID } from 'node:crypto';
import { cutWindow, utc } from '@parley/calendar';
import { explanationOf, figures } from '@parley/kpi';
import type { Figure } from '@parley/kpi';
import type { ProjectionReader } from '@parley/projection';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TellableRow } from '../src/use-cases/explain-figure.ts';
import { explainFigure } from '../src/use-cases/explain-figure.ts';
import { conversationEvents, conversationLog, conversationWorld, chances } from './conversation-world.ts';
import { inOrder } from './events.ts';
import { openMetricsRows, partition } from './metrics-database.ts';
import type { MetricsRows } from './metrics-database.ts';
import { cutAtRandom, eventsOf, orders, received, shuffle, span, start, world } from './random-world.ts';

const cluster = await testCluster();

/** Reads the rows of generation 1, as known when everything was received until an instant. */
function readerOf(metrics: MetricsRows, completeTo: Date): ProjectionReader {
  return {
    read: ({ tenantId }, answer) =>
      metrics.app.withTenant(
        tenantId,
        (tx) => answer({ tx, generation: 1, watermark: { position: 1n, completeTo, lagMs: 0 } }),
        { isolation: 'repeatable read', readOnly: true, byIndex: true },
      ),
  };
}

interface Asked {
  readonly figure: Figure;
  readonly tenantId: string;
  readonly botId: string;
  readonly groupId: string;
  readonly intent: string;
  readonly channel: string;
  readonly sentiment: string;
  readonly segment: string;
  readonly from: number;
  readonly to: number;
}

/** The figure, and all rows, page by page. */
async function explained(reader: ProjectionReader, { from, to, ...asked }: Asked, pageSize: number) {
  const [begin, end] = [new Date(from), new Date(to)];
  const question = {
    ...asked,
    partition,
    currencyCode: 'USD',
    window: { start: begin, end, cut: cutWindow(begin, end), timeZone: utc, asOf: undefined },
    minPosition: undefined,
    signal: AbortSignal.timeout(30_000),
    pageSize,
  };
  const first = await explainFigure(reader, { ...question, after: undefined });
  const rows: TellableRow[] = [...first.rows];
  for (let page = first; page.hasMore;) {
    page = await explainFigure(reader, { ...question, after: rows.at(-1) });
    expect(page.rows.length).toBeLessThanOrEqual(pageSize);
    rows.push(...page.rows);
  }
  if (first.told === undefined) throw new Error('The first page tells the figure.');
  return { ...first.told, rows, rowKind: first.rowKind };
}

const kinds = ['interaction', 'conversion', 'refund', 'feedback', 'conversation', 'member'];
const placeOf = ({ at, key, kind }: TellableRow) => `${at.toISOString()} ${key} ${kinds.indexOf(kind)}`;

/** How many rows there were; undefined where no row adds to the figure. */
async function expectExplained(
  reader: ProjectionReader,
  asked: Asked,
  pageSize: number,
): Promise<number | undefined> {
  const { name, unit } = asked.figure.meaning;
  if (explanationOf(asked.figure, 'USD').behind === 'nothing') {
    await expect(explained(reader, asked, pageSize)).rejects.toMatchObject({
      violations: [{ field: 'kpi', reason: 'NOT_A_SUM_OF_ROWS' }],
    });
    return undefined;
  }
  const { value, rowCount, rowSum, rows, rowKind } = await explained(reader, asked, pageSize);
  const sum = rows.reduce((total, { amount }) => total + amount, 0);
  expect({ name, rows: rows.length }).toEqual({ name, rows: rowCount });
  expect({ name, sum: rowSum }).toEqual({ name, sum: value.numerator });
  expect(Math.abs(sum - value.numerator)).toBeLessThanOrEqual(1e-9 * Math.abs(value.numerator) + 1e-6);
  if (/^(count|rate|per_minute)$/.test(unit) && !/^(mid_conv|interactions_per_conv)/.test(name)) {
    expect({ name, rowCount }).toEqual({ name, rowCount: value.numerator });
    expect(rows.every(({ amount }) => amount === 1)).toBe(true);
  }
  const places = rows.map(placeOf);
  expect(places).toEqual([...new Set(places)].sort().reverse());
  for (const row of rows) {
    expect(rowKind === 'conversion' ? ['conversion', 'refund'] : [rowKind]).toContain(row.kind);
    expect(row.amount).not.toBe(0);
  }
  return rows.length;
}

const all = { botId: '', groupId: '', intent: '', channel: '', sentiment: '', segment: '' };
const oneOf = (...values: readonly string[]) => fc.option(fc.constantFrom(...values), { nil: '', freq: 1 });
const scope = fc.oneof(
  fc.constantFrom(
    all,
    { ...all, botId: 'sales' },
    { ...all, botId: 'unknown' },
    { ...all, groupId: 'shop' },
    { ...all, botId: 'help', groupId: 'shop' },
    { ...all, intent: 'fallback' },
    { ...all, channel: 'web' },
    { ...all, sentiment: 'positive' },
    { ...all, segment: 'free_user' },
  ),
  fc.record({
    botId: oneOf('sales', 'help'),
    groupId: oneOf('shop', 'unknown'),
    intent: oneOf('buy', 'unknown'),
    channel: oneOf('web', 'unknown'),
    sentiment: oneOf('negative'),
    segment: oneOf('paid_subscriber', 'unknown'),
  }),
);
const part = fc.noBias(fc.double({ min: 0, max: 1, noNaN: true }));
const question = fc.record({ scope, from: part, to: part, pageSize: fc.integer({ min: 1, max: 9 }) });

test(
  'the rows behind every figure are as many, and add up to as much, as the figure says, page by page',
  { timeout: 300_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    const seen = new Set<string>();
    const worlds = fc.oneof(
      fc.tuple(world, orders).map(([told, stream]) => ({
        events: (tenantId: string) => received(shuffle(eventsOf(told, tenantId), stream)),
        stream,
        end: start + span,
      })),
      fc.tuple(conversationWorld, chances).map(([told, stream]) => ({
        events: (tenantId: string) => conversationLog(conversationEvents(told, tenantId), stream),
        stream,
        end: start + 5 * 86_400_000,
      })),
    );
    await fc.assert(
      fc.asyncProperty(worlds, fc.array(question, { minLength: 4, maxLength: 4 }), async (told, asked) => {
        const tenantId = randomUUID();
        await metrics.forgetTime();
        const log = inOrder(told.events(tenantId));
        for (const batch of cutAtRandom(log, told.stream)) await metrics.fold(batch);
        const whole = { scope: all, from: 0, to: 1, pageSize: 7 };
        for (const { scope, from, to, pageSize } of [whole, ...asked]) {
          const instant = (share: number) => Math.floor(start + share * (told.end - start));
          const [first, last] = [instant(Math.min(from, to)), instant(Math.max(from, to)) + 1];
          const reader = readerOf(metrics, new Date(instant(to)));
          for (const figure of figures) {
            const asked = { figure, tenantId, ...scope, from: first, to: last };
            const count = await expectExplained(reader, asked, pageSize);
            if (count !== 0) seen.add(figure.meaning.name);
          }
        }
      }),
      { numRuns: 12 },
    );
    expect(seen.size).toBeGreaterThan(50);
  },
);
