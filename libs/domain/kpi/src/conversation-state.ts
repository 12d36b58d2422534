/**
 * What the KPIs of whole conversations are computed from: sums over any set of conversations, as of a moment. As with
 * `KpiState`, states of parts add up, and what is taken out is a state with negative numbers.
 *
 * A conversation is *open* until nothing was said for its inactivity gap, then it has *ended*. It is *engaged* when it has
 * ended with at least two interactions. What asks whether somebody came back counts conversations of known members alone,
 * and each only when the time in which they could have come back is over.
 */
export interface ConversationState {
  /** Conversations, open ones included. */
  readonly conversationCount: number;
  /** Their interactions. */
  readonly turnCount: number;
  /** Conversations whose first interaction's intent is `fallback`. */
  readonly firstFallbackCount: number;
  /** Interactions after a conversation's first whose intent is `fallback`. */
  readonly laterFallbackCount: number;
  /** Conversations that are still open. */
  readonly openCount: number;
  /** Conversations that ended; each is open or ended. */
  readonly endedCount: number;
  /** Ended ones, from the first interaction to the last, in milliseconds. */
  readonly durationSumMs: number;
  /** Engaged ones. */
  readonly engagedCount: number;
  /** Engaged, without a handoff. */
  readonly containedCount: number;
  /** Engaged, with a handoff. */
  readonly handoffCount: number;
  /** Ended, with a handoff. */
  readonly anyHandoffCount: number;
  /** Ended after one interaction of which nothing came. */
  readonly bouncedCount: number;
  /** Engaged, with a conversion that purchased or resolved. */
  readonly confirmedCount: number;
  /** Engaged, neither confirmed nor handed off. */
  readonly abandonedCount: number;
  /** Ended, without a handoff. */
  readonly deflectedCount: number;
  /** The same, and the last interaction's intent is not `fallback`. */
  readonly botHandledCount: number;
  /** Ended, with an answered CSAT. */
  readonly ratedCount: number;
  /** Ended, with 72 hours of silence. */
  readonly ended72hCount: number;
  /** The same, without a handoff, and the last interaction's intent is not `fallback`. */
  readonly botHandled72hCount: number;
  /** Of a known member, with 24 hours over. */
  readonly ended24hCount: number;
  /** The same, whose member came back within them. */
  readonly returned24hCount: number;
  /** Of those with 24 hours over: without a handoff and without a return. */
  readonly deflectedNoReturn24hCount: number;
  /** Of those with 24 hours over: confirmed, or without a handoff and without a return. */
  readonly settled24hCount: number;
  /** Engaged, of a known member, with 24 hours over. */
  readonly engaged24hCount: number;
  /** The same, contained and without a return within them. */
  readonly containedNoReturn24hCount: number;
  /** Of those engaged with 24 hours over: confirmed, or contained and without a return within them. */
  readonly assumedCount: number;
  /** Engaged, of a known member, with 7 days over. */
  readonly engaged7dCount: number;
  /** The same, contained and without a return within them. */
  readonly containedNoReturn7dCount: number;
  /** Of those engaged with 7 days over: confirmed or contained, and without a return within them. */
  readonly durableCount: number;
  /** Ended with a conversion that purchased or resolved, of a known member, with 7 days over. */
  readonly resolved7dCount: number;
  /** The same, without a return with the same intent within them. */
  readonly firstContactCount: number;
}

/** One of the sums. */
export type ConversationCounter = keyof ConversationState;

/** The state of no conversations. */
export const emptyConversationState: ConversationState = Object.freeze({
  conversationCount: 0,
  turnCount: 0,
  firstFallbackCount: 0,
  laterFallbackCount: 0,
  openCount: 0,
  endedCount: 0,
  durationSumMs: 0,
  engagedCount: 0,
  containedCount: 0,
  handoffCount: 0,
  anyHandoffCount: 0,
  bouncedCount: 0,
  confirmedCount: 0,
  abandonedCount: 0,
  deflectedCount: 0,
  botHandledCount: 0,
  ratedCount: 0,
  ended72hCount: 0,
  botHandled72hCount: 0,
  ended24hCount: 0,
  returned24hCount: 0,
  deflectedNoReturn24hCount: 0,
  settled24hCount: 0,
  engaged24hCount: 0,
  containedNoReturn24hCount: 0,
  assumedCount: 0,
  engaged7dCount: 0,
  containedNoReturn7dCount: 0,
  durableCount: 0,
  resolved7dCount: 0,
  firstContactCount: 0,
});

/** The sums' names, in the order in which `ConversationState` lists them. */
export const conversationCounters = Object.keys(emptyConversationState) as readonly ConversationCounter[];

/** The state of the conversations of both. */
export function addConversationStates(a: ConversationState, b: ConversationState): ConversationState {
  return combine(a, b, 1);
}

/** The state of the conversations of `a` without those of `b`. */
export function subtractConversationStates(a: ConversationState, b: ConversationState): ConversationState {
  return combine(a, b, -1);
}

function combine(a: ConversationState, b: ConversationState, sign: 1 | -1): ConversationState {
  const sum: Record<ConversationCounter, number> = { ...a };
  for (const counter of conversationCounters) sum[counter] += sign * b[counter];
  return sum;
}
