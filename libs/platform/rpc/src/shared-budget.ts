/** Something of which there is only so much for all calls together, such as bytes held in memory. */
export interface SharedBudget {
  /** Takes `amount` for `holder`, or takes nothing and says false when all of it, or the holder's half, is used up. */
  take(holder: string, amount: number): boolean;
  /** Gives back what was taken. */
  giveBack(holder: string, amount: number): void;
  /** How much is taken now. */
  readonly taken: number;
}

/** A budget of `total`, of which one holder gets half at most, so that nobody can shut the others out. */
export function createSharedBudget(total: number): SharedBudget {
  const byHolder = new Map<string, number>();
  let taken = 0;
  return {
    take(holder, amount) {
      const held = byHolder.get(holder) ?? 0;
      if (taken + amount > total || held + amount > total / 2) {
        return false;
      }
      taken += amount;
      byHolder.set(holder, held + amount);
      return true;
    },
    giveBack(holder, amount) {
      const held = (byHolder.get(holder) ?? 0) - amount;
      taken -= amount;
      if (held > 0) {
        byHolder.set(holder, held);
      } else {
        byHolder.delete(holder);
      }
    },
    get taken() {
      return taken;
    },
  };
}
