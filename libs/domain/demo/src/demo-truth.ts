import type {
  CompletionLine,
  ConversionLine,
  DemoLine,
  FeedbackLine,
  InteractionLine,
  RefundLine,
} from './demo-line.ts';

/** The guide's KPIs and what goes with them, in its names. Null: there is nothing to compute it from. */
export interface DemoTruth {
  readonly total_interactions: number;
  readonly escalated: number;
  readonly containment_rate: number | null;
  readonly resolution_rate: number | null;
  readonly avg_handling_time_ms: number | null;
  readonly avg_response_latency_ms: number | null;
  readonly total_conversions: number;
  /** Only those that occurred. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly completion_rate: number | null;
  readonly bounce_rate: number | null;
  readonly sentiment_distribution: Readonly<Record<string, number>>;
  readonly positive_sentiment_rate: number | null;
  readonly active_members: number;
  readonly active_users: number;
  /** Users recorded before the window's end. */
  readonly users: number;
  readonly retention_rate: number | null;
  readonly avg_csat: number | null;
  /** Ratings that were given. */
  readonly csat_responses: number;
  readonly csat_top2: number | null;
  /** Of the conversions, in whole currency units, before refunds. */
  readonly revenue: number;
  /** Conversions with a value above 0. */
  readonly revenue_events: number;
  /** Given back in the window. */
  readonly refunded: number;
  readonly sessions: number;
}

/** Half-open: it holds its start and not its end. */
export interface TruthWindow {
  readonly start: Date;
  readonly end: Date;
}

/** Only what happened with this bot, in this group. */
export interface TruthFilter {
  readonly botId?: string;
  readonly groupId?: string;
}

/**
 * The true figures of the lines in the window: counted here one by one, with nothing of what Parley computes them by.
 * A conversion, refund or rating that does not say where it was has its interaction's bot and group. The lines may be in
 * any order, but none may be there twice.
 */
export function demoTruth(
  lines: readonly DemoLine[],
  window: TruthWindow,
  filter: TruthFilter = {},
): DemoTruth {
  const known = index(lines);
  const start = window.start.toISOString();
  const end = window.end.toISOString();
  const matches = (
    { timestamp }: DemoLine,
    place: { bot_id?: string; group_id?: string } | undefined,
  ): boolean =>
    start <= timestamp &&
    timestamp < end &&
    (filter.botId === undefined || place?.bot_id === filter.botId) &&
    (filter.groupId === undefined || place?.group_id === filter.groupId);

  const interactions = [...known.interactions.values()].filter((line) => matches(line, line));
  const answers = interactions.map((line) => known.completions.get(line.id) ?? line);
  const conversions = [...known.conversions.values()].filter((line) => matches(line, known.placeOf(line)));
  const refunds = known.refunds.filter((line) => {
    const conversion = known.conversions.get(line.conversion_id);
    return matches(line, conversion && known.placeOf(conversion));
  });
  const ratings = known.feedback
    .filter((line) => matches(line, known.placeOf(line)))
    .map((line) => line.csat_rating)
    .filter((rating) => rating !== null);

  const n = interactions.length;
  const escalated = interactions.filter(({ intent }) => intent === 'escalate').length;
  const givenUp = interactions.filter(({ intent }) => intent === 'abandoned' || intent === 'fallback').length;
  const times = answers.map((answer) => answer.response_time_ms).filter((time) => time !== undefined);
  const outcomes = tally(conversions.map(({ outcome }) => outcome));
  const feelings = tally(interactions.flatMap(({ sentiment }) => sentiment ?? []));
  const members = new Set(interactions.flatMap(({ member_id }) => member_id ?? []));
  const users = new Set([...members].flatMap((member) => known.userOfMember.get(member) ?? []));
  const recorded = new Set(
    known.users.filter(({ timestamp }) => timestamp < end).map(({ user_id }) => user_id),
  );
  const cents = conversions.map(({ conversion_value }) => Math.round(conversion_value * 100));

  return {
    total_interactions: n,
    escalated,
    containment_rate: share(n - escalated, n),
    resolution_rate: share((outcomes['purchased'] ?? 0) + (outcomes['resolved'] ?? 0), n),
    avg_handling_time_ms: share(sum(times), times.filter((time) => time > 0).length),
    avg_response_latency_ms: share(sum(times), times.length),
    total_conversions: conversions.length,
    outcomes,
    completion_rate: share(n - givenUp, n),
    bounce_rate: share(answers.filter((answer) => !answer.response_text).length, n),
    sentiment_distribution: feelings,
    positive_sentiment_rate: share(feelings['positive'] ?? 0, sum(Object.values(feelings))),
    active_members: members.size,
    active_users: users.size,
    users: recorded.size,
    retention_rate: share(users.size, recorded.size),
    avg_csat: share(sum(ratings), ratings.length),
    csat_responses: ratings.length,
    csat_top2: share(ratings.filter((rating) => rating >= 4).length, ratings.length),
    revenue: sum(cents) / 100,
    revenue_events: cents.filter((value) => value > 0).length,
    refunded: sum(refunds.map(({ value }) => Math.round(value * 100))) / 100,
    sessions: new Set(interactions.map(({ session_id }) => session_id)).size,
  };
}

/** What an intent brought in. */
export interface IntentRevenue {
  readonly interactions: number;
  readonly revenue_events: number;
  readonly revenue: number;
}

/** The revenue of all lines by the intent of the conversion's interaction; only intents that brought in something. */
export function demoRevenueByIntent(lines: readonly DemoLine[]): ReadonlyMap<string, IntentRevenue> {
  const known = index(lines);
  const interactions = tally([...known.interactions.values()].map(({ intent }) => intent));
  const cents = new Map<string, number[]>();
  for (const { interaction_id, conversion_value } of known.conversions.values()) {
    const intent = known.interactions.get(interaction_id)?.intent;
    if (intent === undefined || conversion_value === 0) continue;
    cents.set(intent, [...(cents.get(intent) ?? []), Math.round(conversion_value * 100)]);
  }
  return new Map(
    [...cents].map(([intent, values]) => [
      intent,
      { interactions: interactions[intent] ?? 0, revenue_events: values.length, revenue: sum(values) / 100 },
    ]),
  );
}

function index(lines: readonly DemoLine[]) {
  const interactions = new Map<string, InteractionLine>();
  const completions = new Map<string, CompletionLine>();
  const conversions = new Map<string, ConversionLine>();
  const refunds: RefundLine[] = [];
  const feedback: FeedbackLine[] = [];
  const userOfMember = new Map<string, string>();
  const users: (DemoLine & { type: 'user' })[] = [];
  for (const line of lines) {
    switch (line.type) {
      case 'interaction':
        interactions.set(line.id, line);
        break;
      case 'completion':
        completions.set(line.interaction_id, line);
        break;
      case 'conversion':
        conversions.set(line.id, line);
        break;
      case 'refund':
        refunds.push(line);
        break;
      case 'feedback':
        feedback.push(line);
        break;
      case 'member':
        if (line.user_id !== undefined) userOfMember.set(line.member_id, line.user_id);
        break;
      case 'user':
        users.push(line);
        break;
      case 'handoff':
        break;
    }
  }
  const placeOf = (line: ConversionLine | FeedbackLine) =>
    line.bot_id === undefined ? interactions.get(line.interaction_id) : line;
  return { interactions, completions, conversions, refunds, feedback, userOfMember, users, placeOf };
}

function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function share(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
