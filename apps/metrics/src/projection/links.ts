/** Which conversions or ratings are of an interaction. */
export interface Links<Fact> {
  add(fact: Fact): void;
  /** The keys of those that are of this one. */
  find(interactionKey: string): Iterable<string>;
}

export interface LinkKeys<Fact> {
  readonly keyOf: (fact: Fact) => string;
  /** Undefined: it is about no interaction in particular. */
  readonly interactionKeyOf: (fact: Fact) => string | undefined;
}

/** Links that begin with what is stored. */
export function createLinks<Fact>(
  facts: readonly Fact[],
  { keyOf, interactionKeyOf }: LinkKeys<Fact>,
): Links<Fact> {
  const keys = new Map<string, Set<string>>();
  const add = (fact: Fact): void => {
    const interactionKey = interactionKeyOf(fact);
    if (interactionKey === undefined) return;
    const linked = keys.get(interactionKey);
    if (linked === undefined) keys.set(interactionKey, new Set([keyOf(fact)]));
    else linked.add(keyOf(fact));
  };
  for (const fact of facts) add(fact);
  return { add, find: (interactionKey) => keys.get(interactionKey) ?? [] };
}
