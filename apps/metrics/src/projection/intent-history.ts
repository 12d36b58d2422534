import type { InteractionFact } from './facts.ts';

/** Which intent an interaction had since which day, in days since 1970. */
export type IntentSince = readonly [day: number, intent: string];

/**
 * An interaction that got another intent on a day, with what it had before: by it a conversation can be told once more as it
 * was known on each day. Several changes on a day are one.
 */
export function withIntentSince(
  after: InteractionFact,
  before: InteractionFact,
  day: number,
): InteractionFact {
  if (before.occurredAt === null || before.knownOn === null || after.intent === before.intent) return after;
  const earlier = intentsOf(before).filter(([since]) => since !== day);
  const isBack = earlier.at(-1)?.[1] === after.intent;
  const intents: readonly IntentSince[] = isBack ? earlier : [...earlier, [day, after.intent]];
  return { ...after, intents: intents.length === 1 ? null : JSON.stringify(intents) };
}

/** The intents of an interaction that has come, from its first day on. */
export function intentsOf({ intents, knownOn, intent }: InteractionFact): readonly IntentSince[] {
  if (intents !== null) return JSON.parse(intents) as readonly IntentSince[];
  return [[knownOn ?? 0, intent]];
}
