/** What every line has: `timestamp` is RFC 3339 in UTC, to the millisecond. */
interface Line<Type extends string> {
  readonly type: Type;
  readonly tenant: string;
  readonly timestamp: string;
}

/** Where something was said, and by whom; an anonymous speaker has no member. */
interface Place {
  readonly bot_id: string;
  readonly group_id: string;
  readonly member_id?: string;
}

/** What the bot answered; without text it failed, or has not answered yet. */
interface Response {
  readonly response_text?: string;
  readonly response_time_ms?: number;
  readonly error_code?: string;
}

/** A message to a bot. Those without text are pictures; nobody can say what feeling is in them. */
export interface InteractionLine extends Line<'interaction'>, Place, Response {
  readonly id: string;
  readonly session_id: string;
  readonly channel: string;
  readonly message_text?: string;
  readonly intent: string;
  readonly sentiment?: 'positive' | 'neutral' | 'negative';
}

/** What the bot answered, where it is reported apart. */
export interface CompletionLine extends Line<'completion'>, Response {
  readonly interaction_id: string;
}

/** What came of an interaction; some say themselves where it was and who, the others leave that to the interaction. */
export interface ConversionLine extends Line<'conversion'>, Partial<Place> {
  readonly id: string;
  readonly interaction_id: string;
  readonly intent?: string;
  readonly trigger_message: string;
  readonly intent_score: number;
  readonly bot_message: string;
  readonly outcome: 'purchased' | 'visited' | 'did_nothing' | 'resolved';
  readonly conversion_type: string;
  /** Whole currency units, with cents as decimals. */
  readonly conversion_value: number;
  readonly currency: string;
  readonly checkout_completed: boolean;
  readonly pages_visited: readonly string[];
  readonly time_to_conversion_seconds: number;
}

/** Money given back. */
export interface RefundLine extends Line<'refund'> {
  readonly id: string;
  readonly conversion_id: string;
  readonly value: number;
  readonly currency: string;
  readonly reason: string;
}

/** A rating of CSAT; null where it was asked for and not given. */
export interface FeedbackLine extends Line<'feedback'>, Partial<Place> {
  readonly id: string;
  readonly interaction_id: string;
  readonly csat_rating: number | null;
}

/** A conversation given to a human. */
export interface HandoffLine extends Line<'handoff'>, Place {
  readonly id: string;
  readonly interaction_id: string;
  readonly reason: string;
  readonly actor: 'member' | 'bot';
}

/** Who a member is. */
export interface MemberLine extends Line<'member'> {
  readonly id: string;
  readonly member_id: string;
  readonly user_id?: string;
  readonly group_id: string;
  readonly segments: readonly string[];
}

/** A user of the tenant's product. */
export interface UserLine extends Line<'user'> {
  readonly id: string;
  readonly user_id: string;
}

/** One line of traffic in the guide's field names, to be written with JSON.stringify. */
export type DemoLine =
  | InteractionLine
  | CompletionLine
  | ConversionLine
  | RefundLine
  | FeedbackLine
  | HandoffLine
  | MemberLine
  | UserLine;

/** A line with the milliseconds since 1970 at which it happens. */
export interface TimedLine {
  readonly at: number;
  readonly line: DemoLine;
}

/** The time as lines have it. */
export function timestampOf(at: number): string {
  return new Date(at).toISOString();
}
