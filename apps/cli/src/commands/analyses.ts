import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  AnalysisService,
  AttributionModel,
  RetentionMode,
  type Cohort,
  type LifetimeCell,
  type LifetimeCohort,
  type RetentionCell,
} from '@parley/contracts/parley/metrics/v1/analysis_service';
import type { KpiContext, KpiValue } from '@parley/contracts/parley/metrics/v1/kpi';
import { Dimension, Granularity } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { contextJson, figureName, kpiValueJson } from '../kpi-json.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { shownMinorUnits } from '../shown-money.ts';
import { UsageError } from '../usage-error.ts';
import { windowOf } from '../window.ts';
import { scopeOf, shown, type KpisOptions } from './kpis.ts';

export interface CohortsOptions extends KpisOptions {
  readonly period: string;
  readonly periods?: string;
  readonly mode: string;
  readonly brackets?: string;
}
export interface LifetimeOptions extends KpisOptions {
  readonly period: string;
  readonly periods?: string;
  readonly margin?: string;
}
export interface FunnelOptions extends KpisOptions {
  readonly within?: string;
}
export interface AttributionOptions extends KpisOptions {
  readonly model: string;
  readonly by: string;
  readonly lookback?: string;
}

const periods = { day: Granularity.DAY, week: Granularity.WEEK, month: Granularity.MONTH };
const modes = {
  exact: RetentionMode.EXACT,
  unbounded: RetentionMode.UNBOUNDED,
  bracket: RetentionMode.BRACKET,
};
const models = {
  last: AttributionModel.LAST,
  first: AttributionModel.FIRST,
  linear: AttributionModel.LINEAR,
  time_decay: AttributionModel.TIME_DECAY,
  position: AttributionModel.POSITION,
};
const dimensions = {
  bot: Dimension.BOT,
  group: Dimension.GROUP,
  intent: Dimension.INTENT,
  channel: Dimension.CHANNEL,
};
const hourSeconds = 3_600;

/** `parley cohorts`: which share of the members that began in a period came back. */
export async function cohortsCommand(session: Session, options: CohortsOptions): Promise<ExitCode> {
  const response = await analysesOf(session, options).getCohortRetention(
    {
      ...(await question(session, options)),
      granularity: oneOf(periods, options.period, '--period'),
      mode: oneOf(modes, options.mode, '--mode'),
      periodCount: wholeNumber(options.periods, '--periods'),
      bracketStarts: (options.brackets?.split(',') ?? []).map((text) => wholeNumber(text, '--brackets')),
    },
    { signal: session.signal },
  );
  const { cohorts, overall, context } = response;
  if (options.json) {
    const toJson = (cell: RetentionCell) => ({
      period_start: cell.periodStart,
      period_end: cell.periodEnd,
      rate: cell.rate ? kpiValueJson(cell.rate) : null,
    });
    printJson(session.stdout, {
      cohorts: cohorts.map((cohort) => ({ ...beginningJson(cohort), cells: cohort.cells.map(toJson) })),
      overall: overall.map(toJson),
      ...contextJson(context),
    });
    return exitCode.done;
  }
  printHeading(session, context);
  const nameOf = ({ periodStart, periodEnd }: RetentionCell) =>
    periodEnd > periodStart + 1 ? `${periodStart}–${periodEnd - 1}` : `${periodStart}`;
  printTable(
    session.stdout,
    [`${options.period} of`, 'members', ...overall.map(nameOf)],
    [
      ...cohorts.map((cohort) => [
        beginning(cohort, context),
        String(cohort.memberCount),
        ...cohort.cells.map(({ rate }) => shownCell(rate)),
      ]),
      ['all', '', ...overall.map(({ rate }) => shownCell(rate))],
    ],
  );
  session.stdout.write('\nEmpty: not over yet.\n');
  return exitCode.done;
}

/** `parley ltv`: what members have brought since they began, and what one may bring. */
export async function lifetimeCommand(session: Session, options: LifetimeOptions): Promise<ExitCode> {
  const response = await analysesOf(session, options).getLifetimeValue(
    {
      ...(await question(session, options)),
      granularity: oneOf(periods, options.period, '--period'),
      periodCount: wholeNumber(options.periods, '--periods'),
      ...(options.margin !== undefined && { margin: marginOf(options.margin) }),
    },
    { signal: session.signal },
  );
  const { cohorts, overall, context, revenuePerPeriod, churnRate, margin, expectedLifetimeValue } = response;
  if (options.json) {
    const toJson = ({ period, value }: LifetimeCell) => ({
      period,
      value: value ? kpiValueJson(value) : null,
    });
    const figure = (value: KpiValue | undefined) => (value ? kpiValueJson(value) : null);
    printJson(session.stdout, {
      cohorts: cohorts.map((cohort) => ({ ...beginningJson(cohort), cells: cohort.cells.map(toJson) })),
      overall: overall.map(toJson),
      revenue_per_period: figure(revenuePerPeriod),
      churn_rate: figure(churnRate),
      margin,
      expected_lifetime_value: figure(expectedLifetimeValue),
      ...contextJson(context),
    });
    return exitCode.done;
  }
  const currency = context?.currencyCode ?? '';
  printHeading(session, context);
  printTable(
    session.stdout,
    [`${options.period} of`, 'members', ...overall.map(({ period }) => String(period))],
    [
      ...cohorts.map((cohort) => [
        beginning(cohort, context),
        String(cohort.memberCount),
        ...cohort.cells.map(({ value }) => shownCell(value, currency)),
      ]),
      ['all', '', ...overall.map(({ value }) => shownCell(value, currency))],
    ],
  );
  session.stdout.write(
    `\nRevenue of a member who is there, per ${options.period}: ${shownCell(revenuePerPeriod, currency)}` +
      `\nMembers who were there and not in the next ${options.period}: ${shownCell(churnRate)}` +
      `\nForecast of a lifetime, at a margin of ${margin}: ${shownCell(expectedLifetimeValue, currency) || 'none'}\n`,
  );
  return exitCode.done;
}

/** `parley funnel`: how many members went from a message over a visit and a checkout to a purchase. */
export async function funnelCommand(session: Session, options: FunnelOptions): Promise<ExitCode> {
  const { steps, context } = await analysesOf(session, options).getFunnel(
    {
      ...(await question(session, options)),
      withinSeconds: BigInt(wholeNumber(options.within, '--within') * hourSeconds),
    },
    { signal: session.signal },
  );
  if (options.json) {
    printJson(session.stdout, {
      steps: steps.map(({ name, memberCount, stepRate, overallRate, medianDurationMs }) => ({
        name,
        member_count: memberCount,
        step_rate: stepRate ? kpiValueJson(stepRate) : null,
        overall_rate: overallRate ? kpiValueJson(overallRate) : null,
        median_duration_ms: medianDurationMs ?? null,
      })),
      ...contextJson(context),
    });
    return exitCode.done;
  }
  printHeading(session, context);
  printTable(
    session.stdout,
    ['step', 'members', 'of the step before', 'of all', 'median time'],
    steps.map(({ name, memberCount, stepRate, overallRate, medianDurationMs }) => [
      name,
      String(memberCount),
      shownCell(stepRate),
      shownCell(overallRate),
      medianDurationMs === undefined ? '' : duration(medianDurationMs),
    ]),
  );
  return exitCode.done;
}

/** `parley attribution`: what earned the money. */
export async function attributionCommand(session: Session, options: AttributionOptions): Promise<ExitCode> {
  const { credits, context } = await analysesOf(session, options).getAttribution(
    {
      ...(await question(session, options)),
      model: oneOf(models, options.model, '--model'),
      dimension: oneOf(dimensions, options.by, '--by'),
      lookbackDays: wholeNumber(options.lookback, '--lookback'),
    },
    { signal: session.signal },
  );
  if (options.json) {
    printJson(session.stdout, {
      credits: credits.map(({ dimensionValue, currencyCode, creditMinorUnits, conversionCredit }) => ({
        [options.by]: dimensionValue,
        currency_code: currencyCode,
        credit_minor_units: creditMinorUnits,
        conversion_credit: conversionCredit,
      })),
      ...contextJson(context),
    });
    return exitCode.done;
  }
  printHeading(session, context);
  const totals = new Map<string, { minorUnits: bigint; conversions: number }>();
  for (const { currencyCode, creditMinorUnits, conversionCredit } of credits) {
    const total = totals.get(currencyCode) ?? { minorUnits: 0n, conversions: 0 };
    total.minorUnits += creditMinorUnits;
    total.conversions += conversionCredit;
    totals.set(currencyCode, total);
  }
  printTable(
    session.stdout,
    [options.by, 'credit', 'conversions'],
    [
      ...credits.map(({ dimensionValue, currencyCode, creditMinorUnits, conversionCredit }) => [
        dimensionValue,
        shownMinorUnits(creditMinorUnits, currencyCode),
        conversionCredit.toFixed(2),
      ]),
      ...[...totals].map(([code, { minorUnits, conversions }]) => [
        'all',
        shownMinorUnits(minorUnits, code),
        conversions.toFixed(2),
      ]),
    ],
  );
  return exitCode.done;
}

/** `parley dialects`: the same history by the rules of other products. */
export async function dialectsCommand(session: Session, options: KpisOptions): Promise<ExitCode> {
  const { values, definitions, context } = await analysesOf(session, options).getDialectKpis(
    await question(session, options),
    { signal: session.signal },
  );
  if (options.json) {
    printJson(session.stdout, {
      values: Object.fromEntries(values.map((value) => [figureName('', value), kpiValueJson(value)])),
      definitions: definitions.map(({ definitionId, description, formula, source }) => ({
        definition_id: definitionId,
        description,
        formula,
        source,
      })),
      ...contextJson(context),
    });
    return exitCode.done;
  }
  printHeading(session, context);
  printTable(
    session.stdout,
    ['rule', 'value', 'sample', 'what it says'],
    values.map((value, index) => [
      value.definitionId,
      shown(value),
      `n=${value.sampleSize}`,
      definitions[index]?.description ?? '',
    ]),
  );
  return exitCode.done;
}

function analysesOf(session: Session, { tenant }: KpisOptions) {
  return session.client(AnalysisService, 'metrics', tenant);
}

async function question(session: Session, options: KpisOptions) {
  return { scope: scopeOf(options), window: await windowOf(session, options.tenant, options) };
}

function printHeading(session: Session, context: KpiContext | undefined): void {
  const { window, time_zone: timeZone, watermark } = contextJson(context);
  session.stdout.write(
    `${window.from} to ${window.to}, days of ${timeZone}, complete to ${watermark.complete_to}\n\n`,
  );
}

function beginningJson({ start, end, memberCount }: Cohort | LifetimeCohort) {
  return {
    from: start ? timestampDate(start).toISOString() : null,
    to: end ? timestampDate(end).toISOString() : null,
    member_count: memberCount,
  };
}

/** The day of the zone on which it begins. */
function beginning({ start }: Cohort | LifetimeCohort, context: KpiContext | undefined): string {
  if (start === undefined) return '';
  const timeZone = context?.timeZone ?? 'UTC';
  return new Intl.DateTimeFormat('sv-SE', { timeZone }).format(timestampDate(start));
}

function shownCell(value: KpiValue | undefined, currencyCode = ''): string {
  return value === undefined ? '' : shown(value, currencyCode);
}

function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < hourSeconds * 1_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

function oneOf<Value>(values: Readonly<Record<string, Value>>, text: string, option: string): Value {
  const value = Object.hasOwn(values, text) ? values[text] : undefined;
  if (value === undefined) throw new UsageError(`${option} is one of ${Object.keys(values).join(', ')}.`);
  return value;
}

/** 0 where nothing is said: the service's default. */
function wholeNumber(text: string | undefined, option: string): number {
  if (text === undefined) return 0;
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new UsageError(`${option} is a whole number from 1 on; not ${text}.`);
  return Number(text);
}

function marginOf(text: string): number {
  const margin = Number(text);
  if (!(margin > 0 && margin <= 1)) throw new UsageError('--margin is a number above 0, up to 1.');
  return margin;
}
