import { timestampDate } from '@bufbuild/protobuf/wkt';
import { AnalysisService } from '@parley/contracts/parley/metrics/v1/analysis_service';
import type { KpiContext, KpiValue } from '@parley/contracts/parley/metrics/v1/kpi';
import {
  Dimension,
  Granularity,
  MetricsService,
  type KpiPoint,
} from '@parley/contracts/parley/metrics/v1/metrics_service';
import { stringify } from 'csv-stringify/sync';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { contextJson, figureName, kpiValueJson } from '../kpi-json.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { windowOf } from '../window.ts';
import { scopeOf, shown, type KpisOptions } from './kpis.ts';

export interface PointsOptions extends KpisOptions {
  readonly granularity: string;
  readonly by?: string;
  readonly csv?: boolean;
}
export interface ChangeOptions extends KpisOptions {
  readonly by: string;
  readonly parts?: string;
}

const granularities: Readonly<Record<string, Granularity>> = {
  hour: Granularity.HOUR,
  day: Granularity.DAY,
  week: Granularity.WEEK,
  month: Granularity.MONTH,
};
const dimensions: Readonly<Record<string, Dimension>> = {
  bot: Dimension.BOT,
  group: Dimension.GROUP,
  intent: Dimension.INTENT,
  sentiment: Dimension.SENTIMENT,
  segment: Dimension.SEGMENT,
  channel: Dimension.CHANNEL,
};
const pageSize = 10_000;

/** `parley points`: a figure over time, all of its points. */
export async function pointsCommand(
  session: Session,
  kpi: string,
  options: PointsOptions,
): Promise<ExitCode> {
  if (options.csv && options.json) throw new UsageError('Give --csv or --json, not both.');
  const client = session.client(MetricsService, 'metrics', options.tenant);
  const request = {
    kpi,
    scope: scopeOf(options),
    window: await windowOf(session, options.tenant, options),
    granularity: oneOf(granularities, options.granularity, '--granularity'),
    ...(options.by !== undefined && { dimension: oneOf(dimensions, options.by, '--by') }),
    pageSize,
  };
  const points: KpiPoint[] = [];
  let context: KpiContext | undefined;
  for (let pageToken = '', hasMore = true; hasMore; hasMore = pageToken !== '') {
    const page = await client.listKpiPoints({ ...request, pageToken }, { signal: session.signal });
    points.push(...page.points);
    context ??= page.context;
    pageToken = page.nextPageToken;
  }
  const rows = points.map((point) => pointJson(point, options.by));
  if (options.csv) {
    session.stdout.write(
      stringify(rows, { header: true, columns: columnsOf(options.by), cast: { boolean: String } }),
    );
  } else if (options.json) {
    printJson(session.stdout, { points: rows, ...contextJson(context) });
  } else {
    printTable(
      session.stdout,
      ['from', ...(options.by === undefined ? [] : [options.by]), 'value', 'sample'],
      points.map(({ dimensionValue, value }, index) => [
        rows[index]?.from ?? '',
        ...(options.by === undefined ? [] : [dimensionValue]),
        value === undefined ? '' : shown(value, context?.currencyCode),
        `n=${value?.sampleSize ?? 0n}`,
      ]),
    );
  }
  return exitCode.done;
}

function columnsOf(by: string | undefined): string[] {
  const figure = ['value', 'has_data', 'numerator', 'denominator', 'sample_size', 'definition_id', 'unit'];
  return ['from', 'to', ...(by === undefined ? [] : [by]), ...figure];
}

function pointJson({ windowStart, windowEnd, dimensionValue, value }: KpiPoint, by: string | undefined) {
  return {
    from: windowStart ? timestampDate(windowStart).toISOString() : '',
    to: windowEnd ? timestampDate(windowEnd).toISOString() : '',
    ...(by !== undefined && { [by]: dimensionValue }),
    ...(value && kpiValueJson(value)),
  };
}

/** `parley compare`: figures against those of the window before, and whether they changed by more than noise. */
export async function compareCommand(
  session: Session,
  kpis: readonly string[],
  options: KpisOptions,
): Promise<ExitCode> {
  const { comparisons, context, baselineContext } = await session
    .client(AnalysisService, 'metrics', options.tenant)
    .compareKpis(
      {
        kpis: [...kpis],
        scope: scopeOf(options),
        window: await windowOf(session, options.tenant, options),
      },
      { signal: session.signal },
    );
  if (options.json) {
    printJson(session.stdout, {
      comparisons: comparisons.map((one) => ({
        value: valueJson(one.value),
        baseline: valueJson(one.baseline),
        change: one.change,
        relative_change: one.relativeChange,
        change_interval: one.changeInterval
          ? {
              lower: one.changeInterval.lower,
              upper: one.changeInterval.upper,
              level: one.changeInterval.level,
            }
          : null,
        p_value: one.pValue ?? null,
        significant: one.significant,
        method: one.method,
      })),
      ...contextJson(context),
      baseline: contextJson(baselineContext).window,
    });
    return exitCode.done;
  }
  printStretches(session, context, baselineContext);
  printTable(
    session.stdout,
    ['KPI', 'now', 'before', 'change', ''],
    comparisons.map(({ value, baseline, change, pValue, significant }) => [
      figureName('', value),
      shownOf(value, context),
      shownOf(baseline, context),
      shownChange(value, change, context),
      significant ? `more than noise, p = ${(pValue ?? 0).toPrecision(2)}` : '',
    ]),
  );
  return exitCode.done;
}

/** `parley change`: a figure's change as what came from other shares and what from other figures within them. */
export async function changeCommand(
  session: Session,
  kpi: string,
  options: ChangeOptions,
): Promise<ExitCode> {
  if (options.parts !== undefined && !/^[1-9]\d{0,3}$/.test(options.parts)) {
    throw new UsageError(`--parts is a whole number from 1 on; not ${options.parts}.`);
  }
  const found = await session.client(AnalysisService, 'metrics', options.tenant).explainChange(
    {
      kpi,
      scope: scopeOf(options),
      window: await windowOf(session, options.tenant, options),
      dimensions: options.by.split(',').map((name) => oneOf(dimensions, name.trim(), '--by')),
      maxParts: Number(options.parts ?? 0),
    },
    { signal: session.signal },
  );
  const { value, baseline, change, parts, context, baselineContext } = found;
  if (options.json) {
    printJson(session.stdout, {
      value: valueJson(value),
      baseline: valueJson(baseline),
      change,
      parts: parts.map((part) => ({
        values: part.dimensionValues,
        value: valueJson(part.value),
        baseline: valueJson(part.baseline),
        share: part.share,
        baseline_share: part.baselineShare,
        mix: part.mix,
        rate: part.rate,
      })),
      ...contextJson(context),
      baseline_window: contextJson(baselineContext).window,
    });
    return exitCode.done;
  }
  printStretches(session, context, baselineContext);
  session.stdout.write(
    `${figureName('', value)} ${shownOf(value, context)}, before ${shownOf(baseline, context)}: ` +
      `${shownChange(value, change, context)}\n`,
  );
  printTable(
    session.stdout,
    [options.by, 'now', 'before', 'from its share', 'from its figure'],
    parts.map((part) => [
      part.dimensionValues.join(', '),
      shownOf(part.value, context),
      shownOf(part.baseline, context),
      shownChange(value, part.mix, context),
      shownChange(value, part.rate, context),
    ]),
  );
  return exitCode.done;
}

/** `parley revision`: a figure as known at the end of a day and now, and what came in between. */
export async function revisionCommand(
  session: Session,
  kpi: string,
  options: KpisOptions,
): Promise<ExitCode> {
  const { then, now, revisions, erasedSince, context } = await session
    .client(AnalysisService, 'metrics', options.tenant)
    .explainRevision(
      { kpi, scope: scopeOf(options), window: await windowOf(session, options.tenant, options) },
      { signal: session.signal },
    );
  if (options.json) {
    printJson(session.stdout, {
      then: valueJson(then),
      now: valueJson(now),
      revisions: revisions.map(({ knownOn, numerator, denominator, cause }) => ({
        known_on: knownOn,
        numerator,
        denominator,
        cause,
      })),
      ...contextJson(context),
      erased_since: erasedSince,
    });
    return exitCode.done;
  }
  const parts = (value: KpiValue | undefined): string =>
    `${shownOf(value, context)} (${value?.numerator ?? 0} by ${value?.denominator ?? 0})`;
  session.stdout.write(
    `${figureName('', now)} was ${parts(then)} as known at the end of ${context?.asOf ?? ''}; now it is ${parts(now)}\n`,
  );
  if (erasedSince) session.stdout.write('Members were erased since: both are without them.\n');
  printTable(
    session.stdout,
    ['known on', 'numerator', 'denominator', 'cause'],
    revisions.map(({ knownOn, numerator, denominator, cause }) => [
      knownOn,
      signed(numerator),
      signed(denominator),
      cause,
    ]),
  );
  return exitCode.done;
}

function printStretches(session: Session, now: KpiContext | undefined, before: KpiContext | undefined): void {
  const { window, time_zone: timeZone } = contextJson(now);
  const { window: baseline } = contextJson(before);
  session.stdout.write(
    `${window.from} to ${window.to}, against ${baseline.from} to ${baseline.to}, days of ${timeZone}\n`,
  );
}

function valueJson(value: KpiValue | undefined) {
  return value === undefined ? null : kpiValueJson(value);
}

function shownOf(value: KpiValue | undefined, context: KpiContext | undefined): string {
  return value === undefined ? '' : shown(value, context?.currencyCode);
}

/** A difference in the figure's unit, with its sign. */
function shownChange(figure: KpiValue | undefined, change: number, context: KpiContext | undefined): string {
  if (figure === undefined) return '';
  const text = shown({ hasData: true, unit: figure.unit, value: Math.abs(change) }, context?.currencyCode);
  return change === 0 ? text : `${change < 0 ? '-' : '+'}${text}`;
}

function signed(number: number): string {
  const text = String(Math.round(number * 1000) / 1000);
  return number > 0 ? `+${text}` : text;
}

function oneOf<Value>(known: Readonly<Record<string, Value>>, name: string, option: string): Value {
  const value = Object.hasOwn(known, name) ? known[name] : undefined;
  if (value === undefined)
    throw new UsageError(`${option} takes ${Object.keys(known).join(', ')}; not ${name}.`);
  return value;
}
