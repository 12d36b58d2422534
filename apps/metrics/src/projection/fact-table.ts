/** Facts of one kind while a batch is folded: those that were stored, and what became of them. */
export interface FactTable<Fact extends object> {
  find(key: string): Fact | undefined;
  /** Puts it in the place of the one of that key; false when it is that very one. */
  put(key: string, fact: Fact): boolean;
  /** Facts that are not stored yet. */
  added(): readonly Fact[];
  /** Stored facts that are different now. */
  changed(): readonly Fact[];
}

interface Entry<Fact> {
  fact: Fact;
  readonly isStored: boolean;
  isChanged: boolean;
}

/** A table that begins with what is stored. */
export function createFactTable<Fact extends object>(
  stored: readonly Fact[],
  keyOf: (fact: Fact) => string,
): FactTable<Fact> {
  const entries = new Map<string, Entry<Fact>>();
  for (const fact of stored) entries.set(keyOf(fact), { fact, isStored: true, isChanged: false });
  const list = (isWanted: (entry: Entry<Fact>) => boolean): readonly Fact[] =>
    [...entries.values()].filter(isWanted).map(({ fact }) => fact);
  return {
    find: (key) => entries.get(key)?.fact,
    put: (key, fact) => {
      const entry = entries.get(key);
      if (entry === undefined) entries.set(key, { fact, isStored: false, isChanged: true });
      else if (entry.fact === fact) return false;
      else {
        entry.fact = fact;
        entry.isChanged = true;
      }
      return true;
    },
    added: () => list(({ isStored }) => !isStored),
    changed: () => list(({ isStored, isChanged }) => isStored && isChanged),
  };
}
