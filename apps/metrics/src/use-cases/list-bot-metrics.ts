import { periodUpTo, wholePeriods } from '@parley/calendar';
import type { LocalPeriod, Range } from '@parley/calendar';
import { botMetricTypes } from '@parley/kpi';
import type { BotMetricType, KpiValue } from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { findLastMeasured, readBotMetrics } from '../storage/bot-metrics.sql.ts';
import type { BotMetricPlace, BotMetricRow } from '../storage/bot-metrics.sql.ts';
import type { KpiQuestion } from './kpi-question.ts';
import { needsOf, readInputs } from './read-figures.ts';
import type { FigureSnapshot } from './read-figures.ts';

/** The guide's aggregation periods, from the shortest. */
export const aggregationPeriods = ['hourly', 'daily', 'weekly', 'monthly'] as const;
export type AggregationPeriod = (typeof aggregationPeriods)[number];

/** Which metrics of bots, from which place on. */
export interface BotMetricsPage {
  /** Empty: all types. */
  readonly type: string;
  /** Undefined: all of them. */
  readonly period: AggregationPeriod | undefined;
  /** The last one that was told. */
  readonly after: BotMetricPlace | undefined;
  readonly limit: number;
}

/** Some metrics, and how far they reach. */
export interface BotMetricsAnswer {
  readonly metrics: readonly BotMetric[];
  readonly watermark: ProjectionWatermark;
}

/** One of the guide's BotPerformanceMetrics. */
export interface BotMetric {
  readonly place: BotMetricPlace;
  readonly startsAt: Date;
  /** What Parley produced, or what others measured. */
  readonly of:
    | { readonly by: 'parley'; readonly metric: BotMetricType; readonly value: KpiValue }
    | { readonly by: 'others'; readonly row: BotMetricRow };
}

const hourMs = 3_600_000;
const localPeriods: Readonly<
  Record<AggregationPeriod, { readonly local: LocalPeriod; readonly ms: number }>
> = {
  hourly: { local: 'hour', ms: hourMs },
  daily: { local: 'day', ms: 24 * hourMs },
  weekly: { local: 'week', ms: 7 * 24 * hourMs },
  monthly: { local: 'month', ms: 31 * 24 * hourMs },
};
/** How many of the shortest periods are read at once at most; of how many there are at first nothing is known. */
const maxPeriodsAtOnce = 96;

/**
 * Metrics of bots whose periods end in a window, after its start and not after its end, in the order of their list: ends
 * (the last first), periods (the shortest first), bots, types. Looks at stretches of time that grow until the page is full,
 * so that a page costs by what is on it. All in one snapshot; throws as the reader does.
 */
export function listBotMetrics(
  reader: ProjectionReader,
  question: KpiQuestion,
  page: BotMetricsPage,
): Promise<BotMetricsAnswer> {
  return reader.read(question, async ({ tx, generation, watermark }) => {
    const snapshot = { tx, scope: { ...question, generation }, completeTo: watermark.completeTo };
    const { window } = question;
    const { after, limit, period = 'hourly' } = page;
    const metrics: BotMetric[] = [];
    let end = new Date(Math.min(window.end.getTime(), after?.endsAt.getTime() ?? Infinity));
    for (let periods = 1; metrics.length < limit && end > window.start;) {
      const start = new Date(
        Math.max(window.start.getTime(), end.getTime() - periods * localPeriods[period].ms),
      );
      const left = { ...page, limit: limit - metrics.length };
      const produced = await produceMetrics(snapshot, question, left, { start, end });
      const told = await readOthers(snapshot, question, left, { start, end });
      metrics.push(...[...produced, ...told].sort(byPlace).slice(0, left.limit));
      end =
        produced.length + told.length > 0
          ? start
          : await passEmpty(snapshot, start, page.period, window.start);
      periods = Math.min(2 * periods, maxPeriodsAtOnce);
    }
    return { metrics, watermark };
  });
}

/** The end of the last stretch up to an instant in which there may be anything; the window's start where there is none. */
async function passEmpty(
  { tx, scope }: FigureSnapshot,
  end: Date,
  period: AggregationPeriod | undefined,
  windowStart: Date,
): Promise<Date> {
  const { hour, toldAt } = await findLastMeasured(tx, scope, end);
  // A period that holds something of that hour ends after no more than its length, clock changes included.
  const lastEnd =
    hour === null ? 0 : hour.getTime() + hourMs + localPeriods[period ?? 'monthly'].ms + 2 * 24 * hourMs;
  const last = Math.max(lastEnd, toldAt?.getTime() ?? 0, windowStart.getTime());
  return new Date(Math.min(last, end.getTime()));
}

/** Those that Parley produces of the periods that end in a stretch of time; the first ones, as many as are asked for. */
async function produceMetrics(
  snapshot: FigureSnapshot,
  { window: { timeZone, asOf }, currencyCode }: KpiQuestion,
  { type, period, after, limit }: BotMetricsPage,
  { start, end }: Range,
): Promise<readonly BotMetric[]> {
  const types = botMetricTypes.filter((metric) => type === '' || metric.type === type);
  const windows = aggregationPeriods
    .flatMap((name, index) =>
      period === undefined || period === name
        ? wholePeriods(localPeriods[name].local, start, end, timeZone).map((range) => ({
            ...range,
            number: index + 1,
          }))
        : [],
    )
    .sort((one, other) => other.end.getTime() - one.end.getTime() || one.number - other.number);
  if (types.length === 0 || windows.length === 0) return [];
  const cells = await readInputs(snapshot, {
    windows,
    dimensions: ['bot'],
    needs: needsOf(types.map(({ figure }) => figure)),
    timeZone,
    currencyCode,
    asOf,
  });
  const found: BotMetric[] = [];
  const inOrder = cells
    .map((cell) => ({ ...cell, botId: cell.values[0] ?? '' }))
    .sort((one, other) => one.position - other.position || compareText(one.botId, other.botId));
  for (const { position, botId, inputs } of inOrder) {
    const window = windows[position];
    if (window === undefined) continue;
    for (const metric of types) {
      const place = { endsAt: window.end, period: window.number, botId, type: metric.type, eventKey: '' };
      if (after !== undefined && comparePlaces(place, after) <= 0) continue;
      const value = metric.figure.evaluate(inputs);
      if (!value.hasData) continue;
      found.push({ place, startsAt: window.start, of: { by: 'parley', metric, value } });
      if (found.length === limit) return found;
    }
  }
  return found;
}

async function readOthers(
  { tx, scope }: FigureSnapshot,
  { botId, window: { timeZone, asOf } }: KpiQuestion,
  { type, period, after, limit }: BotMetricsPage,
  stretch: Range,
): Promise<readonly BotMetric[]> {
  const number = period === undefined ? undefined : aggregationPeriods.indexOf(period) + 1;
  const filter = { botId, type, period: number, asOf };
  const rows = await readBotMetrics(tx, scope, stretch, filter, { after, limit });
  return rows.map((row) => {
    const name = aggregationPeriods[row.period - 1] ?? 'hourly';
    return {
      place: row,
      startsAt: periodUpTo(localPeriods[name].local, row.endsAt, timeZone).start,
      of: { by: 'others', row },
    };
  });
}

function byPlace(one: BotMetric, other: BotMetric): number {
  return comparePlaces(one.place, other.place);
}

function comparePlaces(one: BotMetricPlace, other: BotMetricPlace): number {
  return (
    other.endsAt.getTime() - one.endsAt.getTime() ||
    one.period - other.period ||
    compareText(one.botId, other.botId) ||
    compareText(one.type, other.type) ||
    compareText(one.eventKey, other.eventKey)
  );
}

/** In the order of the database's collation "C": by bytes of UTF-8. */
function compareText(one: string, other: string): number {
  return one === other ? 0 : Buffer.compare(Buffer.from(one), Buffer.from(other));
}
