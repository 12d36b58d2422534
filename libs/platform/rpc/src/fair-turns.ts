/** Lets large work of many holders begin one after the other, so that what is small gets in between. */
export interface FairTurns {
  /** Resolves when it is the holder's turn: at once where nobody else's just was. */
  next(holder: string): Promise<void> | undefined;
}

/**
 * One turn in each round of the event loop, in which Node looks at every connection; holders that wait take it in turns.
 * Without it, Node reads two megabytes from one connection before it looks at the next one, and all the work that they
 * bring is done first.
 */
export function createFairTurns(): FairTurns {
  const waiting = new Map<string, (() => void)[]>();
  let isTaken = false;

  function pass(): void {
    for (const [holder, calls] of waiting) {
      const begin = calls.shift();
      waiting.delete(holder);
      if (calls.length > 0) waiting.set(holder, calls);
      setImmediate(pass);
      begin?.();
      return;
    }
    isTaken = false;
  }

  return {
    next(holder) {
      if (!isTaken) {
        isTaken = true;
        setImmediate(pass);
        return undefined;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const calls = waiting.get(holder);
      if (calls === undefined) waiting.set(holder, [resolve]);
      else calls.push(resolve);
      return promise;
    },
  };
}
