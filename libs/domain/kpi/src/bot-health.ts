import { wilsonInterval } from '@parley/statistics';
import type { KpiParts } from './kpi-definition.ts';
import { quotient } from './kpi-definition.ts';

/** What a bot's health is judged by: the last 24 hours, or rows of the guide's BotPerformanceMetrics of that time. */
export interface HealthInput {
  /** Share of the interactions in which the bot failed: S79. */
  readonly errorRate: KpiParts;
  /** Mean response time in milliseconds: S80. */
  readonly avgLatencyMs: KpiParts;
  /** The response time that 95 % do not exceed, in milliseconds. */
  readonly latencyP95Ms: KpiParts;
  /** Share of the interactions whose intent is `fallback`. */
  readonly fallbackRate: KpiParts;
  /** Share of the interactions without a response. */
  readonly noResponseRate: KpiParts;
}

/** What is measured. */
export type HealthMetric = keyof HealthInput;

/** One part of the weighted score. */
export interface HealthComponent {
  readonly name: HealthMetric;
  /** The most that it can cost. */
  readonly weight: number;
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

/** How a bot is, by the guide's check_bot_health and beside it by a weighted score. Rulings A17 to A19. */
export function botHealth(input: HealthInput): BotHealth {
  const components = healthComponents.map((rule) => judge(rule, input[rule.name]));
  const judged = components.filter(({ isInsufficient }) => !isInsufficient);
  const weight = judged.reduce((sum, component) => sum + component.weight, 0);
  const cost = judged.reduce((sum, component) => sum + component.cost, 0);
  const { errorRate, avgLatencyMs } = input;
  const score =
    100 - (valueOf(errorRate) > maxErrorRate ? 30 : 0) - (valueOf(avgLatencyMs) > maxLatencyMs ? 20 : 0);
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

/** Rows of one metric as one figure: weighted by their sample sizes, since a mean of means is none (ruling A18). */
export function weighRows(
  rows: readonly { readonly value: number; readonly sampleSize: number }[],
): KpiParts {
  const size = rows.reduce((sum, { sampleSize }) => sum + sampleSize, 0);
  return quotient(
    rows.reduce((sum, { value, sampleSize }) => sum + value * sampleSize, 0),
    size,
  );
}

function judge({ name, weight, good, bad }: ComponentRule, parts: KpiParts): HealthComponent {
  const isInsufficient = !parts.hasData || parts.sampleSize < minSample;
  const missed = Math.min(Math.max((valueOf(parts) - good) / (bad - good), 0), 1);
  return { name, weight, cost: isInsufficient ? 0 : weight * missed, isInsufficient };
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
    valueOf(errorRate) > maxErrorRate,
    'error_rate_above_5_percent',
    () => `The bot failed in ${shareOf(errorRate)}.`,
    'Group the failed interactions by their error code, and mend what causes most of them first.',
  );
  add(
    valueOf(avgLatencyMs) > maxLatencyMs,
    'avg_latency_above_2000_ms',
    () => `The mean response time is ${timeOf(avgLatencyMs)} over ${avgLatencyMs.sampleSize} answers.`,
    'Look for the slow calls behind the answers, and answer from a cache or in parts where you can.',
  );
  add(
    valueOf(avgLatencyMs) <= maxLatencyMs && isMissed('latencyP95Ms', latencyP95Ms),
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

function isMissed(name: HealthMetric, parts: KpiParts): boolean {
  const rule = healthComponents.find((component) => component.name === name);
  return rule !== undefined && judge(rule, parts).cost > 0;
}

function valueOf({ numerator, denominator }: KpiParts): number {
  return denominator > 0 ? numerator / denominator : 0;
}

function shareOf({ numerator, denominator }: KpiParts): string {
  const share = `${percent(numerator / denominator)} of ${denominator} interactions`;
  // Rows from outside may say what no share of their sample is.
  if (!(numerator >= 0 && numerator <= denominator)) return share;
  const { lower, upper } = wilsonInterval(numerator, denominator);
  return `${share} (at 95 % between ${percent(lower)} and ${percent(upper)})`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function timeOf(parts: KpiParts): string {
  return `${Math.round(valueOf(parts))} ms`;
}
