/** Facts of one kind while a batch is folded: those that were stored, and what became of them. */
export interface FactTable<Fact extends object> {
  find(key: string): Fact | undefined;
  /** Puts it in the place of the one with its key; false when it is that very one. */
  put(fact: Fact): boolean;
  /** Facts that are not stored yet. */
  added(): readonly Fact[];
  /** Stored facts that are different now. */
  changed(): readonly Fact[];
}

/** A table that begins with what is stored. */
export function createFactTable<Fact extends object>(
  stored: readonly Fact[],
  keyOf: (fact: Fact) => string,
): FactTable<Fact> {
  const facts = new Map(stored.map((fact) => [keyOf(fact), fact]));
  const storedKeys = new Set(facts.keys());
  const addedKeys = new Set<string>();
  const changedKeys = new Set<string>();
  const list = (keys: ReadonlySet<string>): readonly Fact[] =>
    [...keys].flatMap((key) => facts.get(key) ?? []);
  return {
    find: (key) => facts.get(key),
    put: (fact) => {
      const key = keyOf(fact);
      if (facts.get(key) === fact) return false;
      facts.set(key, fact);
      (storedKeys.has(key) ? changedKeys : addedKeys).add(key);
      return true;
    },
    added: () => list(addedKeys),
    changed: () => list(changedKeys),
  };
}
