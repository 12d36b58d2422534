import type { FactStore, RowScope } from '../storage/fact-store.ts';
import type { Signal, SignalTouch } from './conversation-touch.ts';
import type { ConversionFact, FeedbackFact, HandoffFact } from './facts.ts';
import { factKey } from './fact-key.ts';
import type { Thread } from './thread.ts';

const ofOutcomes = { 1: 'convertedCount', 2: 'visitedCount', 3: undefined, 4: 'convertedCount' } as const;

/** What a conversion is to its conversation; undefined: nothing. */
export function conversionSignal({ outcome }: Pick<ConversionFact, 'outcome'>): Signal | undefined {
  return ofOutcomes[outcome];
}

/** What a rating is to its conversation: something where it is an answered CSAT. */
export function feedbackSignal({
  type,
  ratingMicros,
}: Pick<FeedbackFact, 'type' | 'ratingMicros'>): Signal | undefined {
  return type === 1 && ratingMicros !== null ? 'ratedCount' : undefined;
}

/** What came of conversations that were named before they began. */
export async function waitingSignals(
  scope: RowScope,
  {
    feedback,
    handoffs,
  }: { readonly feedback: FactStore<FeedbackFact>; readonly handoffs: FactStore<HandoffFact> },
  threads: readonly Thread[],
): Promise<readonly SignalTouch[]> {
  const keys = threads.map(({ tenantId, threadKey: key }) => ({ tenantId, key }));
  const byPlace = new Map(threads.map((thread) => [thread.place, thread]));
  const touch = (
    { tenantId, threadKey }: { readonly tenantId: string; readonly threadKey: string | null },
    signal: Signal | undefined,
  ): readonly SignalTouch[] => {
    const thread = threadKey === null ? undefined : byPlace.get(factKey(tenantId, threadKey));
    return thread === undefined || signal === undefined
      ? []
      : [{ kind: 'signal', thread, occurredAt: undefined, signal }];
  };
  const ratings = await feedback.find(scope, keys, 'thread_key');
  const given = await handoffs.find(scope, keys, 'thread_key');
  return [
    ...ratings.flatMap((fact) => touch(fact, feedbackSignal(fact))),
    ...given.flatMap((fact) => touch(fact, 'handoffCount')),
  ];
}
