import { conversationContribution, stageDelaysMs } from '@parley/kpi';
import type { ConversationStage, ConversationState } from '@parley/kpi';

/**
 * A conversation, merged from its interactions and from what came of them. Which conversation it is, its thread and its
 * first interaction's time say: two of one thread never overlap.
 */
export interface ConversationFact {
  readonly tenantId: string;
  readonly threadKey: string;
  /** Empty: sessions, told apart by pauses. */
  readonly conversationId: string;
  /** Of the first interaction; of two at the same time the one with the lower key is first. */
  readonly startedAt: Date;
  readonly firstKey: string;
  readonly botId: string;
  readonly groupId: string;
  readonly channel: string;
  readonly intent: string;
  /** Null: anonymous. */
  readonly memberOrdinal: number | null;
  /** Everybody in it, as a JSON array in order. Null: nobody but who began it. */
  readonly members: string | null;
  /** Of the last interaction. */
  readonly lastAt: Date;
  readonly lastKey: string;
  readonly endsWithFallback: boolean;
  /** When the inactivity gap of the interaction whose gap reaches furthest is over. */
  readonly endsAt: Date;
  readonly interactionCount: number;
  readonly fallbackCount: number;
  /** Interactions whose intent asks for a human. */
  readonly askedCount: number;
  readonly handoffCount: number;
  readonly convertedCount: number;
  readonly visitedCount: number;
  readonly ratedCount: number;
  /** When its member began another one after its last interaction, within 7 days of that. Null: not yet. */
  readonly nextAt: Date | null;
  /** The same, with the same first intent. */
  readonly nextSameAt: Date | null;
  /** The next instant at which time alone changes what it counts as. Null: none is left. */
  readonly dueAt: Date | null;
  /** The day on which it was first counted, in days since 1970. */
  readonly knownOn: number;
  /** How what it added under each day differs from what it would add if it had always been as it is. Null: not at all. */
  readonly later: string | null;
}

/** When it reaches the stages from 1 on, in milliseconds since 1970; in this order, since no gap is above 24 hours. */
export function stageTimes({
  endsAt,
  lastAt,
}: Pick<ConversationFact, 'endsAt' | 'lastAt'>): readonly number[] {
  const last = lastAt.getTime();
  return [endsAt.getTime(), last + stageDelaysMs[2], last + stageDelaysMs[3], last + stageDelaysMs[4]];
}

/** What time has made of it so far. */
export function stageOf(fact: ConversationFact): ConversationStage {
  if (fact.dueAt === null) return 4;
  const dueAt = fact.dueAt.getTime();
  return stages[stageTimes(fact).filter((time) => time < dueAt).length] ?? 4;
}

/** The fact once time has passed up to an instant; time never goes back. */
export function ageTo(fact: ConversationFact, to: number): ConversationFact {
  const next = stageTimes(fact).find((time) => time > to);
  return { ...fact, dueAt: next === undefined ? null : new Date(next) };
}

/** What it counts as at a stage. `storage/conversation-state.sql.ts` says the same of stored facts. */
export function stateOf(fact: ConversationFact, stage: ConversationStage): ConversationState {
  const { startedAt, lastAt, intent, interactionCount, nextAt, nextSameAt } = fact;
  const since = (next: Date | null) => (next === null ? undefined : next.getTime() - lastAt.getTime());
  return conversationContribution(
    {
      interactionCount,
      fallbackCount: fact.fallbackCount,
      beginsWithFallback: intent === 'fallback',
      endsWithFallback: fact.endsWithFallback,
      isHandedOff: fact.askedCount + fact.handoffCount > 0,
      isConfirmed: fact.convertedCount > 0,
      hasVisit: fact.visitedCount > 0,
      isRated: fact.ratedCount > 0,
      hasMember: fact.memberOrdinal !== null,
      durationMs: lastAt.getTime() - startedAt.getTime(),
      returnedAfterMs: since(nextAt),
      repeatedAfterMs: since(nextSameAt),
    },
    stage,
  );
}

export const stages: readonly ConversationStage[] = [0, 1, 2, 3, 4];
