import { emptyConversationState } from './conversation-state.ts';
import type { ConversationState } from './conversation-state.ts';

/** What the KPIs need to know of a conversation. */
export interface ConversationFact {
  /** At least 1. */
  readonly interactionCount: number;
  /** Interactions whose intent is exactly `fallback`. */
  readonly fallbackCount: number;
  readonly beginsWithFallback: boolean;
  readonly endsWithFallback: boolean;
  /** Whether it was given to a human, or somebody asked for one. */
  readonly isHandedOff: boolean;
  /** Whether a conversion of it purchased or resolved. */
  readonly isConfirmed: boolean;
  /** Whether a conversion of it visited. */
  readonly hasVisit: boolean;
  /** Whether a CSAT was answered. */
  readonly isRated: boolean;
  /** Whether a known member began it, so that one can see whether they came back. */
  readonly hasMember: boolean;
  /** From its first interaction to its last, in milliseconds. */
  readonly durationMs: number;
  /** From its last interaction until its member began another conversation; undefined: not within 7 days. */
  readonly returnedAfterMs: number | undefined;
  /** The same, for a conversation that began with the same intent. */
  readonly repeatedAfterMs: number | undefined;
}

/**
 * What time has made of a conversation: 0 it is open, 1 it has ended, and since its last interaction 2 a day, 3 three
 * days, 4 seven days have passed.
 */
export type ConversationStage = 0 | 1 | 2 | 3 | 4;

const hourMs = 3_600_000;

/** How long after the last interaction the stages from 2 on are reached, in milliseconds. */
export const stageDelaysMs = { 2: 24 * hourMs, 3: 72 * hourMs, 4: 7 * 24 * hourMs } as const;

/** What a conversation adds to the state of the bucket of its first interaction. */
export function conversationContribution(
  fact: ConversationFact,
  stage: ConversationStage,
): ConversationState {
  const { interactionCount, fallbackCount, isHandedOff, isConfirmed, hasMember, endsWithFallback } = fact;
  const isEnded = stage >= 1;
  const isEngaged = isEnded && interactionCount >= 2;
  const isContained = isEngaged && !isHandedOff;
  const isDeflected = isEnded && !isHandedOff;
  const isSilent = stage >= 3;
  const isDayOver = stage >= 2 && hasMember;
  const isWeekOver = stage >= 4 && hasMember;
  const isBackWithin = (ms: number) => fact.returnedAfterMs !== undefined && fact.returnedAfterMs <= ms;
  const staysAway24h = !isBackWithin(stageDelaysMs[2]);
  const staysAway7d = !isBackWithin(stageDelaysMs[4]);
  return {
    ...emptyConversationState,
    conversationCount: 1,
    turnCount: interactionCount,
    firstFallbackCount: Number(fact.beginsWithFallback),
    laterFallbackCount: fallbackCount - Number(fact.beginsWithFallback),
    openCount: Number(!isEnded),
    endedCount: Number(isEnded),
    durationSumMs: isEnded ? fact.durationMs : 0,
    engagedCount: Number(isEngaged),
    containedCount: Number(isContained),
    handoffCount: Number(isEngaged && isHandedOff),
    anyHandoffCount: Number(isEnded && isHandedOff),
    bouncedCount: Number(
      isDeflected && interactionCount === 1 && !isConfirmed && !fact.hasVisit && !fact.isRated,
    ),
    confirmedCount: Number(isEngaged && isConfirmed),
    abandonedCount: Number(isContained && !isConfirmed),
    deflectedCount: Number(isDeflected),
    botHandledCount: Number(isDeflected && !endsWithFallback),
    ratedCount: Number(isEnded && fact.isRated),
    ended72hCount: Number(isSilent),
    botHandled72hCount: Number(isSilent && !isHandedOff && !endsWithFallback),
    ...(isDayOver && {
      ended24hCount: 1,
      returned24hCount: Number(!staysAway24h),
      deflectedNoReturn24hCount: Number(!isHandedOff && staysAway24h),
      settled24hCount: Number(isConfirmed || (!isHandedOff && staysAway24h)),
      engaged24hCount: Number(isEngaged),
      containedNoReturn24hCount: Number(isContained && staysAway24h),
      assumedCount: Number(isEngaged && (isConfirmed || (isContained && staysAway24h))),
    }),
    ...(isWeekOver && {
      engaged7dCount: Number(isEngaged),
      containedNoReturn7dCount: Number(isContained && staysAway7d),
      durableCount: Number(isEngaged && (isConfirmed || isContained) && staysAway7d),
      resolved7dCount: Number(isConfirmed),
      firstContactCount: Number(
        isConfirmed && !(fact.repeatedAfterMs !== undefined && fact.repeatedAfterMs <= stageDelaysMs[4]),
      ),
    }),
  };
}
