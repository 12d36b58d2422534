/** Decoded models by key, the least recently used given up first once their bytes are too many. */
export interface ModelCache<Model> {
  find(key: string): Model | undefined;
  /** A model larger than the bound is kept alone. */
  keep(key: string, model: Model, byteCount: number): void;
}

export function createModelCache<Model>(maxBytes: number): ModelCache<Model> {
  // In the order of their last use.
  const entries = new Map<string, { readonly model: Model; readonly byteCount: number }>();
  let total = 0;
  const remove = (key: string): void => {
    total -= entries.get(key)?.byteCount ?? 0;
    entries.delete(key);
  };
  return {
    find(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.model;
    },
    keep(key, model, byteCount) {
      remove(key);
      entries.set(key, { model, byteCount });
      total += byteCount;
      for (const oldest of entries.keys()) {
        if (total <= maxBytes || oldest === key) break;
        remove(oldest);
      }
    },
  };
}
