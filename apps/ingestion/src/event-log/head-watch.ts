/**
 * Tells waiting readers that a partition may have grown. Heads are hints that come from commits of this process and of
 * others, in any order and more than once; what is not higher than what is known wakes nobody.
 */
export class HeadWatch {
  readonly #heads = new Map<number, bigint>();
  readonly #turns = new Map<number, number>();
  readonly #waiters = new Map<number, Set<() => void>>();

  /** A partition's head is said to stand here. */
  advance(partition: number, head: bigint): void {
    if (head <= (this.#heads.get(partition) ?? 0n)) return;
    this.#heads.set(partition, head);
    this.#wake(partition);
  }

  /** Hints may have been lost, or be wrong since another server took over: forgets them and has all look for themselves. */
  reset(): void {
    this.#heads.clear();
    for (const partition of this.#waiters.keys()) this.#wake(partition);
  }

  /** Take it before reading, and hand it to `grown`: then what comes in between is not missed. */
  turn(partition: number): number {
    return this.#turns.get(partition) ?? 0;
  }

  /** Resolves when the partition may have grown since the turn, after `ms`, or when the signal aborts. */
  async grown(partition: number, turn: number, ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.turn(partition) !== turn) return;
    const waiters = this.#waiters.get(partition) ?? new Set();
    this.#waiters.set(partition, waiters);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const onAbort = (): void => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    waiters.add(resolve);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      waiters.delete(resolve);
    }
  }

  #wake(partition: number): void {
    this.#turns.set(partition, this.turn(partition) + 1);
    for (const resolve of this.#waiters.get(partition) ?? []) resolve();
  }
}
