import type { BurnRate, HealthRule, Objective } from '@parley/kpi';

/** The rule that alerts, with its windows and threshold, and what was seen, in a sentence. */
export function alertEvidence(
  { name, target }: Objective,
  { longSeconds, shortSeconds, threshold, longBurnRate, shortBurnRate, sampleSize }: BurnRate,
  { latencyThresholdMs }: HealthRule,
): string {
  const [what, unit] =
    name === 'success'
      ? ['failed', 'interactions']
      : [`took longer than ${number(latencyThresholdMs)} ms`, 'answers'];
  const share = (burnRate: number): string => `${number(burnRate * (1 - target) * 100)} %`;
  return (
    `${share(longBurnRate)} of ${number(sampleSize)} ${unit} ${what} in the last ${length(longSeconds)} and ` +
    `${share(shortBurnRate)} in the last ${length(shortSeconds)}, where ${number((1 - target) * 100)} % may: ` +
    `${number(longBurnRate)} and ${number(shortBurnRate)} times the rate at which the error budget lasts, ` +
    `both above ${number(threshold)}.`
  );
}

const format = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });

function number(value: number): string {
  return format.format(value);
}

/** `5 minutes`, `6 hours`, `3 days`. */
function length(seconds: number): string {
  const [count, unit] =
    seconds < 3_600
      ? [seconds / 60, 'minute']
      : seconds < 86_400
        ? [seconds / 3_600, 'hour']
        : [seconds / 86_400, 'day'];
  return count === 1 ? unit : `${count} ${unit}s`;
}
