import type { ConversationCounter } from '@parley/kpi';

// An instant has passed for a conversation when it is due only later, or never again.
const isPast = (instant: string) => `(f.due_at is null or ${instant} < f.due_at)`;
const isEnded = isPast('f.ends_at');
const isEngaged = `(${isEnded} and f.interaction_count >= 2)`;
const isHandedOff = '(f.asked_count + f.handoff_count > 0)';
const isConfirmed = '(f.converted_count > 0)';
const isDeflected = `(${isEnded} and not ${isHandedOff})`;
const isKnown = '(f.member_ordinal is not null)';
const isDayOver = `(${isKnown} and ${isPast("f.last_at + interval '24 hours'")})`;
const isSilent = isPast("f.last_at + interval '72 hours'");
const isWeekOver = `(${isKnown} and ${isPast("f.last_at + interval '168 hours'")})`;
const isEngagedDay = `(${isDayOver} and f.interaction_count >= 2)`;
const isEngagedWeek = `(${isWeekOver} and f.interaction_count >= 2)`;
const staysAway = (hours: number, column = 'next_at') =>
  `coalesce(f.${column} > f.last_at + interval '${hours} hours', true)`;
const count = (condition: string) => `(${condition})::int`;

/** What a stored conversation counts as; the same as @parley/kpi says of it. */
export const ofConversation: Readonly<Record<ConversationCounter, string>> = {
  conversationCount: '1',
  turnCount: 'f.interaction_count',
  firstFallbackCount: count("f.intent = 'fallback'"),
  laterFallbackCount: "f.fallback_count - (f.intent = 'fallback')::int",
  openCount: count(`not ${isEnded}`),
  endedCount: count(isEnded),
  durationSumMs: `case when ${isEnded} then round(extract(epoch from f.last_at - f.started_at) * 1000) else 0 end`,
  engagedCount: count(isEngaged),
  containedCount: count(`${isEngaged} and not ${isHandedOff}`),
  handoffCount: count(`${isEngaged} and ${isHandedOff}`),
  anyHandoffCount: count(`${isEnded} and ${isHandedOff}`),
  bouncedCount: count(
    `${isDeflected} and f.interaction_count = 1 and f.converted_count + f.visited_count + f.rated_count = 0`,
  ),
  confirmedCount: count(`${isEngaged} and ${isConfirmed}`),
  abandonedCount: count(`${isEngaged} and not ${isHandedOff} and not ${isConfirmed}`),
  deflectedCount: count(isDeflected),
  botHandledCount: count(`${isDeflected} and not f.ends_with_fallback`),
  ratedCount: count(`${isEnded} and f.rated_count > 0`),
  ended72hCount: count(isSilent),
  botHandled72hCount: count(`${isSilent} and not ${isHandedOff} and not f.ends_with_fallback`),
  ended24hCount: count(isDayOver),
  returned24hCount: count(`${isDayOver} and not ${staysAway(24)}`),
  deflectedNoReturn24hCount: count(`${isDayOver} and not ${isHandedOff} and ${staysAway(24)}`),
  settled24hCount: count(`${isDayOver} and (${isConfirmed} or (not ${isHandedOff} and ${staysAway(24)}))`),
  engaged24hCount: count(isEngagedDay),
  containedNoReturn24hCount: count(`${isEngagedDay} and not ${isHandedOff} and ${staysAway(24)}`),
  assumedCount: count(`${isEngagedDay} and (${isConfirmed} or (not ${isHandedOff} and ${staysAway(24)}))`),
  engaged7dCount: count(isEngagedWeek),
  containedNoReturn7dCount: count(`${isEngagedWeek} and not ${isHandedOff} and ${staysAway(168)}`),
  durableCount: count(`${isEngagedWeek} and (${isConfirmed} or not ${isHandedOff}) and ${staysAway(168)}`),
  resolved7dCount: count(`${isWeekOver} and ${isConfirmed}`),
  firstContactCount: count(`${isWeekOver} and ${isConfirmed} and ${staysAway(168, 'next_same_at')}`),
};

const patienceMs = 5 * 60_000;

/** Since when an interaction without a response may still get one in time. */
export function awaitedSince(completeTo: Date): Date {
  return new Date(completeTo.getTime() - patienceMs);
}
