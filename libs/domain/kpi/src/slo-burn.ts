/** What should be: such a share of the interactions is good. */
export interface Objective {
  /** `success`: without an error; `latency`: answered in time. */
  readonly name: 'success' | 'latency';
  /** Which share, above 0 and below 1. */
  readonly target: number;
}

/** By what a bot is judged. */
export interface HealthRule {
  /** Which share of the interactions must be without an error, above 0.5 and below 1. */
  readonly successTarget: number;
  /** Which share of the answers must be fast, above 0.5 and below 1. */
  readonly latencyTarget: number;
  /** The response time in milliseconds up to which an answer is fast. */
  readonly latencyThresholdMs: number;
  /** Below so many interactions in the long window a rule does not alert. */
  readonly minSampleSize: number;
}

/** 99 % without an error, and 95 % answered in 2 seconds, of 100 interactions or more: definition D17. */
export const defaultHealthRule: HealthRule = {
  successTarget: 0.99,
  latencyTarget: 0.95,
  latencyThresholdMs: 2_000,
  minSampleSize: 100,
};

/** The objectives of a bot that is judged by this rule. */
export function objectivesOf({ successTarget, latencyTarget }: HealthRule): readonly Objective[] {
  return [
    { name: 'success', target: successTarget },
    { name: 'latency', target: latencyTarget },
  ];
}

/** When somebody is called: the error budget burns faster than the threshold over a long window and a short one. */
export interface BurnRule {
  readonly severity: 'page' | 'ticket';
  readonly longSeconds: number;
  /** A twelfth of it: so that the alert ends soon after its cause. */
  readonly shortSeconds: number;
  readonly threshold: number;
}

/**
 * Google's: 2 % of a 30 days' budget in an hour, 5 % in six, 10 % in three days.
 *
 * B. Beyer and others, The Site Reliability Workbook (2018), chapter 5, table 5-8.
 */
const workbookRules: readonly BurnRule[] = [
  { severity: 'page', longSeconds: 3_600, shortSeconds: 300, threshold: 14.4 },
  { severity: 'page', longSeconds: 21_600, shortSeconds: 1_800, threshold: 6 },
  { severity: 'ticket', longSeconds: 259_200, shortSeconds: 21_600, threshold: 1 },
];

/** The windows of all rules in seconds, the longest first. */
export const burnWindowSeconds: readonly number[] = [
  ...new Set(workbookRules.flatMap(({ longSeconds, shortSeconds }) => [longSeconds, shortSeconds])),
].sort((one, other) => other - one);

/**
 * The rules that can ever alert for this objective: where everything fails the budget burns at 1 / (1 - target), so that
 * for a loose objective the faster rules never could (definition D17).
 */
export function burnRules({ target }: Objective): readonly BurnRule[] {
  return workbookRules.filter(({ threshold }) => threshold * (1 - target) < 1);
}

/** Interactions that can be judged, and how many of them were bad. */
export interface JudgedCount {
  readonly total: number;
  readonly bad: number;
}

/** A rule and how it fares. */
export interface BurnRate extends BurnRule {
  readonly longBurnRate: number;
  readonly shortBurnRate: number;
  /** Interactions in the long window. */
  readonly sampleSize: number;
  /** Whether there are fewer than the minimum, so that it can't alert: a single failure would. */
  readonly isInsufficient: boolean;
  readonly isAlerting: boolean;
}

/** An objective and how it fares. */
export interface ObjectiveStatus extends Objective {
  readonly burnRates: readonly BurnRate[];
  /** The gravest rule that alerts; `insufficient_data` where no rule has enough to go by. */
  readonly state: 'ok' | 'ticket' | 'page' | 'insufficient_data';
}

/**
 * How fast an objective's error budget burns: the share of bad interactions by the share that may be bad. A rule alerts
 * when it is above its threshold in both windows, and the long one has enough interactions.
 * @param countIn of the last so many seconds, those of `burnWindowSeconds`.
 * @param minSample below so many interactions in the long window a rule does not alert.
 */
export function burnStatus(
  objective: Objective,
  countIn: (seconds: number) => JudgedCount,
  minSample: number = defaultHealthRule.minSampleSize,
): ObjectiveStatus {
  const rateOf = ({ total, bad }: JudgedCount): number =>
    total === 0 ? 0 : exactly(bad / total / (1 - objective.target));
  const burnRates = burnRules(objective).map((rule): BurnRate => {
    const long = countIn(rule.longSeconds);
    const [longBurnRate, shortBurnRate] = [rateOf(long), rateOf(countIn(rule.shortSeconds))];
    const isInsufficient = long.total < minSample;
    return {
      ...rule,
      longBurnRate,
      shortBurnRate,
      sampleSize: long.total,
      isInsufficient,
      isAlerting: !isInsufficient && longBurnRate > rule.threshold && shortBurnRate > rule.threshold,
    };
  });
  return { ...objective, burnRates, state: stateOf(burnRates) };
}

/**
 * Without what doubles add in their last digits: 1 - 0.8 is a little less than 0.2, and a rate that is at its threshold must
 * not be above it. Rates of up to a thousand million interactions still differ.
 */
function exactly(rate: number): number {
  return Number(rate.toPrecision(12));
}

function stateOf(burnRates: readonly BurnRate[]): ObjectiveStatus['state'] {
  const alerting = burnRates.filter(({ isAlerting }) => isAlerting);
  if (alerting.some(({ severity }) => severity === 'page')) return 'page';
  if (alerting.length > 0) return 'ticket';
  return burnRates.every(({ isInsufficient }) => isInsufficient) ? 'insufficient_data' : 'ok';
}
