import { conversationCounters, emptyConversationState } from './conversation-state.ts';
import type { ConversationCounter, ConversationState } from './conversation-state.ts';
import type { Figure, FigureInputs } from './figures.ts';
import { emptyState, kpiCounters } from './kpi-state.ts';
import type { KpiCounter, KpiState } from './kpi-state.ts';
import { emptyRevenue, revenueCounters } from './revenue.ts';
import type { RevenueCounter, RevenueSums } from './revenue.ts';

/** What a counter is multiplied by; what is not there by 0. Whole numbers. */
export type Coefficients<Counter extends string> = Readonly<Partial<Record<Counter, number>>>;

/**
 * A numerator as a sum over rows: what a row counts as, times these, added up, by `divisor`. Whole numbers until the
 * division, so that the rows add up exactly, in any order.
 */
export interface NumeratorForm {
  readonly sums: Coefficients<KpiCounter>;
  /** Of an interaction without a response that may still get one. */
  readonly awaiting: number;
  readonly conversations: Coefficients<ConversationCounter>;
  readonly revenue: Coefficients<RevenueCounter>;
  /** A power of ten. */
  readonly divisor: number;
}

/** Who is counted, each once. */
export type CountedPeople =
  | 'active_members'
  | 'active_users'
  | 'paying_members'
  | 'members_of_week'
  | 'members_of_month'
  | 'new_members'
  | 'returning_members'
  | 'resurrected_members'
  | 'dormant_members';

/** What stands behind a figure. */
export type Explanation =
  | { readonly behind: 'rows'; readonly form: NumeratorForm }
  | { readonly behind: 'people'; readonly people: CountedPeople }
  /** No row adds anything to it: why, and what to ask for instead. */
  | { readonly behind: 'nothing'; readonly because: string };

const countedPeople: ReadonlyMap<string, CountedPeople> = new Map([
  ['active_members', 'active_members'],
  ['active_users', 'active_users'],
  ['retention_rate', 'active_users'],
  ['paying_members', 'paying_members'],
  ['wau', 'members_of_week'],
  ['mau', 'members_of_month'],
  ['new_members', 'new_members'],
  ['returning_members', 'returning_members'],
  ['resurrected_members', 'resurrected_members'],
  ['dormant_members', 'dormant_members'],
]);

const withoutRows: ReadonlyMap<string, string> = new Map([
  ['arpu', 'it is a mean of one quotient a day; ask for revenue and for active_members of each day'],
  ['dau', 'it is a mean over days; ask for active_members of each day'],
  ['stickiness', 'it is one mean by another; ask for mau, and for active_members of each day'],
]);

/**
 * What stands behind a figure.
 * @param currencyCode the tenant's, in whose units figures about money are.
 */
export function explanationOf({ meaning, needs, parts }: Figure, currencyCode: string): Explanation {
  const { name } = meaning;
  const people = countedPeople.get(name);
  if (people !== undefined) return { behind: 'people', people };
  if (needs.includes('latencies')) {
    const because =
      'it is the time of one rank, to which no row adds; ask for avg_response_latency_ms, whose rows are the times';
    return { behind: 'nothing', because };
  }
  const because = withoutRows.get(name);
  if (because !== undefined) return { behind: 'nothing', because };
  return { behind: 'rows', form: formOf((counted) => parts(inputsOf(counted, currencyCode)).numerator) };
}

/** What a numerator is made of. */
interface Counted {
  readonly sums?: KpiState;
  readonly awaitingCount?: number;
  readonly conversations?: ConversationState;
  readonly revenue?: RevenueSums;
}

function inputsOf(
  {
    sums = emptyState,
    awaitingCount = 0,
    conversations = emptyConversationState,
    revenue = emptyRevenue,
  }: Counted,
  currencyCode: string,
): FigureInputs {
  return {
    sums,
    conversations: { conversations, interactions: sums, awaitingCount, gapMs: undefined },
    revenue: {
      currencyCode,
      revenue,
      interactionCount: 0,
      conversationCount: 0,
      payingMemberCount: 0,
      days: [],
    },
    people: { activeMembers: 0, activeUsers: 0, users: 0 },
    latencies: new Map(),
    audience: { interactionCount: 0, dayCounts: [], weekCount: 0, monthCount: 0 },
    lifecycle: { interactionCount: 0, days: [], window: [], before: [], ever: [] },
  };
}

/** What a counter is set to, to see what it adds: as much as it may be divided by. */
const probe = 1_000_000;

/** Numerators are linear in the counters (a test says so), so what one adds alone is its coefficient. */
function formOf(numeratorOf: (counted: Counted) => number): NumeratorForm {
  const weightOf = (counted: Counted) => numeratorOf(counted) / probe;
  const sums = kpiCounters.map(
    (counter) => [counter, weightOf({ sums: { ...emptyState, [counter]: probe } })] as const,
  );
  const awaiting = weightOf({ awaitingCount: probe });
  const conversations = conversationCounters.map(
    (counter) =>
      [counter, weightOf({ conversations: { ...emptyConversationState, [counter]: probe } })] as const,
  );
  const revenue = revenueCounters.map(
    (counter) => [counter, weightOf({ revenue: { ...emptyRevenue, [counter]: BigInt(probe) } })] as const,
  );
  const weights = [awaiting, ...[...sums, ...conversations, ...revenue].map(([, weight]) => weight)];
  const divisor = divisors.find((one) => weights.every((weight) => isWhole(weight * one)));
  if (divisor === undefined) throw new Error('A numerator whose coefficients are no decimal fractions.');
  const whole = <Counter extends string>(
    of: readonly (readonly [Counter, number])[],
  ): Coefficients<Counter> => {
    const entries = of
      .map(([counter, weight]) => [counter, Math.round(weight * divisor)] as const)
      .filter(([, weight]) => weight !== 0);
    return Object.fromEntries(entries) as Coefficients<Counter>;
  };
  return {
    sums: whole(sums),
    awaiting: Math.round(awaiting * divisor),
    conversations: whole(conversations),
    revenue: whole(revenue),
    divisor,
  };
}

const divisors = [1, 10, 100, 1_000, 10_000, 100_000, probe];

function isWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < 1e-9;
}
