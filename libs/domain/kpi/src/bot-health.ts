import { wilsonInterval } from '@parley/statistics';
import { defineKpi } from './kpi-definition.ts';
import type { KpiDefinition } from './kpi-definition.ts';
import type { KpiValue } from './kpi-value.ts';

/** A figure as far as health is judged by it. */
export type Measure = Pick<KpiValue, 'value' | 'numerator' | 'denominator' | 'sampleSize' | 'hasData'>;

/** What a bot's health is judged by: the last 24 hours, and rows that others measured in that time. */
export interface HealthInput<Of extends Measure = Measure> {
  /** Share of the interactions in which the bot failed: S79. */
  readonly errorRate: Of;
  /** Mean response time in milliseconds: S80. */
  readonly avgLatencyMs: Of;
  /** The response time that 95 % do not exceed, in milliseconds. */
  readonly latencyP95Ms: Of;
  /** Share of the interactions whose intent is `fallback`. */
  readonly fallbackRate: Of;
  /** Share of the interactions without a response in time. */
  readonly noResponseRate: Of;
}

/** What is measured. */
export type HealthMetric = keyof HealthInput;

/** One part of the weighted score. */
export interface HealthComponent {
  readonly name: HealthMetric;
  /** The most that it can cost. */
  readonly weight: number;
  /** How many data points it is judged by. */
  readonly sampleSize: number;
  /** What it costs: 0 up to `good`, all of its weight from `bad` on, and in proportion between. */
  readonly cost: number;
  /** Whether there are too few data points to judge it; it costs nothing then, and the others weigh more. */
  readonly isInsufficient: boolean;
}

/** One thing to do. */
export interface HealthRecommendation {
  /** The rule that found it: `error_rate_above_5_percent`. */
  readonly rule: string;
  /** What was seen. */
  readonly evidence: string;
  /** What to do. */
  readonly action: string;
}

/** How a bot is. */
export interface BotHealth {
  /**
   * `insufficient_data` where nothing was measured, or where what was measured is good and the other is missing: what is
   * not measured is never taken for perfect. Else `healthy` from 100, `degraded` from 70, `unhealthy` below.
   */
  readonly status: 'insufficient_data' | 'healthy' | 'degraded' | 'unhealthy';
  /** The guide's: 100, less 30 where the error rate is above 0.05, less 20 where the mean latency is above 2000 ms. */
  readonly healthScore: number | undefined;
  /** 0 to 100: 100 less what the components cost, of those that can be judged. Undefined where none can. */
  readonly weightedScore: number | undefined;
  readonly components: readonly HealthComponent[];
  /** In the order of their rules' importance. */
  readonly recommendations: readonly HealthRecommendation[];
}

/** The guide's thresholds (S82, S83): above them, not at them. */
const maxErrorRate = 0.05;
const maxLatencyMs = 2_000;
/** So many data points make a component. */
const minSample = 30;

interface ComponentRule {
  readonly name: HealthMetric;
  readonly weight: number;
  readonly good: number;
  readonly bad: number;
}

/** The components of the weighted score. */
export const healthComponents: readonly ComponentRule[] = [
  { name: 'errorRate', weight: 40, good: 0.01, bad: 0.1 },
  { name: 'latencyP95Ms', weight: 25, good: 2_000, bad: 8_000 },
  { name: 'fallbackRate', weight: 20, good: 0.1, bad: 0.4 },
  { name: 'noResponseRate', weight: 15, good: 0.02, bad: 0.2 },
];

/** What the components are called outside. */
export const componentNames: Readonly<Record<HealthMetric, string>> = {
  errorRate: 'error_rate',
  avgLatencyMs: 'avg_latency_ms',
  latencyP95Ms: 'response_latency_p95_ms',
  fallbackRate: 'fallback_rate',
  noResponseRate: 'no_response_rate',
};

/** How a bot is, by the guide's check_bot_health and beside it by a weighted score. Rulings A17 to A19. */
export function botHealth(input: HealthInput): BotHealth {
  const components = healthComponents.map((rule) => judge(rule, input[rule.name]));
  const judged = components.filter(({ isInsufficient }) => !isInsufficient);
  const weight = judged.reduce((sum, component) => sum + component.weight, 0);
  const cost = judged.reduce((sum, component) => sum + component.cost, 0);
  const { errorRate, avgLatencyMs } = input;
  const score =
    100 - (errorRate.value > maxErrorRate ? 30 : 0) - (avgLatencyMs.value > maxLatencyMs ? 20 : 0);
  const isComplete = errorRate.hasData && avgLatencyMs.hasData;
  const isKnown = isComplete || score < 100;
  return {
    status: isKnown ? statusOf(score) : 'insufficient_data',
    healthScore: isKnown ? score : undefined,
    weightedScore: weight === 0 ? undefined : 100 - (100 * cost) / weight,
    components,
    recommendations: recommendationsOf(input),
  };
}

/** What others measured: a figure, and how many data points it sums up. */
export interface MeasuredRow {
  readonly value: number;
  readonly sampleSize: number;
}

/**
 * A figure of ours together with rows of others: weighted by their sample sizes, since a mean of means is none (ruling
 * A18). A row of no data points says nothing. Of equal values the mean is exactly that value.
 */
export function withRows(own: KpiValue, rows: readonly MeasuredRow[]): KpiValue {
  const told = rows.filter(({ sampleSize }) => sampleSize > 0);
  if (told.length === 0) return own;
  const all = own.hasData ? [{ value: own.value, sampleSize: own.sampleSize }, ...told] : told;
  const sampleSize = all.reduce((sum, row) => sum + row.sampleSize, 0);
  const base = all[0]?.value ?? 0;
  const value = all.reduce((mean, row) => mean + (row.value - base) * (row.sampleSize / sampleSize), base);
  const { definitionId, unit } = own;
  return {
    value,
    numerator: value * sampleSize,
    denominator: sampleSize,
    sampleSize,
    hasData: true,
    definitionId,
    unit,
  };
}

/** The weighted score, of what CheckBotHealth judges by. */
export const weightedHealthScore: KpiDefinition<
  readonly [health: Pick<BotHealth, 'weightedScore' | 'components'>]
> = defineKpi({
  definitionId: 'parley.v1/health_score_v2',
  group: 'health',
  description: 'How healthy a bot is, 0 to 100: what it misses costs by how far it is missed.',
  formula:
    '100 less what the components cost, each nothing up to its good value, all of its weight from its bad value on and in ' +
    'proportion between: ' +
    `${healthComponents.map(({ name, weight, good, bad }) => `${componentNames[name]} ${weight} (${good} to ${bad})`).join(', ')}. ` +
    'Those with fewer than 30 data points are left out, and the others weigh more. None left: no data.',
  unit: 'score',
  source: 'ruling A19',
  isProportion: false,
  parts: ({ weightedScore, components }) => {
    const judged = components.filter(({ isInsufficient }) => !isInsufficient);
    return {
      numerator: weightedScore ?? 0,
      denominator: 1,
      sampleSize: judged.length === 0 ? 0 : Math.min(...judged.map(({ sampleSize }) => sampleSize)),
      hasData: weightedScore !== undefined,
    };
  },
});

function judge({ name, weight, good, bad }: ComponentRule, parts: Measure): HealthComponent {
  const isInsufficient = !parts.hasData || parts.sampleSize < minSample;
  const missed = Math.min(Math.max((parts.value - good) / (bad - good), 0), 1);
  return {
    name,
    weight,
    sampleSize: parts.sampleSize,
    cost: isInsufficient ? 0 : weight * missed,
    isInsufficient,
  };
}

function statusOf(score: number): BotHealth['status'] {
  if (score >= 100) return 'healthy';
  return score >= 70 ? 'degraded' : 'unhealthy';
}

function recommendationsOf(input: HealthInput): readonly HealthRecommendation[] {
  const { errorRate, avgLatencyMs, latencyP95Ms, fallbackRate, noResponseRate } = input;
  const found: HealthRecommendation[] = [];
  const add = (applies: boolean, rule: string, evidence: () => string, action: string): void => {
    if (applies) found.push({ rule, evidence: evidence(), action });
  };
  add(
    errorRate.value > maxErrorRate,
    'error_rate_above_5_percent',
    () => `The bot failed in ${shareOf(errorRate)}.`,
    'Group the failed interactions by their error code, and mend what causes most of them first.',
  );
  add(
    avgLatencyMs.value > maxLatencyMs,
    'avg_latency_above_2000_ms',
    () => `The mean response time is ${timeOf(avgLatencyMs)} over ${avgLatencyMs.sampleSize} answers.`,
    'Look for the slow calls behind the answers, and answer from a cache or in parts where you can.',
  );
  add(
    avgLatencyMs.value <= maxLatencyMs && isMissed('latencyP95Ms', latencyP95Ms),
    'p95_latency_above_2000_ms',
    () => `One answer in twenty takes longer than ${timeOf(latencyP95Ms)}, though the mean is good.`,
    'Look at the slowest answers alone: a time limit or a retry of their slow call helps more than a faster mean.',
  );
  add(
    isMissed('fallbackRate', fallbackRate),
    'fallback_rate_above_10_percent',
    () => `The bot did not understand ${shareOf(fallbackRate)}.`,
    'Read what these members asked, and add intents or examples for what comes up most.',
  );
  add(
    isMissed('noResponseRate', noResponseRate),
    'no_response_rate_above_2_percent',
    () => `There is no response to ${shareOf(noResponseRate)}.`,
    'See whether the bot stayed silent or its answers are not reported: complete each interaction.',
  );
  for (const [name, parts] of [
    ['error_rate', errorRate],
    ['latency', avgLatencyMs],
  ] as const) {
    add(
      !parts.hasData,
      `${name}_not_measured`,
      () => `Nothing tells the bot's ${name.replace('_', ' ')} in these 24 hours.`,
      name === 'latency'
        ? 'Report the response time with each interaction or its completion.'
        : 'Report interactions, with an error code where the bot failed.',
    );
  }
  return found;
}

function isMissed(name: HealthMetric, parts: Measure): boolean {
  const rule = healthComponents.find((component) => component.name === name);
  return rule !== undefined && judge(rule, parts).cost > 0;
}

function shareOf({ value, numerator, denominator }: Measure): string {
  const share = `${percent(value)} of ${denominator} interactions`;
  // Rows from outside may say what no share of their sample is.
  if (!(numerator >= 0 && numerator <= denominator)) return share;
  const { lower, upper } = wilsonInterval(numerator, denominator);
  return `${share} (at 95 % between ${percent(lower)} and ${percent(upper)})`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function timeOf(parts: Measure): string {
  return `${Math.round(parts.value)} ms`;
}
