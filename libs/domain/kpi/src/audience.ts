/** Members as their ordinals, each once, in ascending order. */
export type Members = ArrayLike<number> & Iterable<number>;

/** On how many days each number of members was there: `[2]` is how many were there on two days; `[0]` is always 0. */
export type ActiveDayDistribution = readonly number[];

/** How many members were active on so many of these days. */
export function activeDayDistribution(days: readonly Members[]): ActiveDayDistribution {
  const daysOf = new Map<number, number>();
  for (const day of days) {
    for (const member of day) daysOf.set(member, (daysOf.get(member) ?? 0) + 1);
  }
  const distribution = Array.from({ length: days.length + 1 }, () => 0);
  for (const count of daysOf.values()) distribution[count] = (distribution[count] ?? 0) + 1;
  return distribution;
}

/** How the members of a window stand to the time before it. */
export interface Lifecycle {
  /** In the window, and never before. */
  readonly newCount: number;
  /** In the window, and in the one before it. */
  readonly returningCount: number;
  /** In the window and some time before, but not in the window before it. */
  readonly resurrectedCount: number;
  /** In the window before, but not in this one. */
  readonly dormantCount: number;
}

/**
 * The lifecycle as PostHog has it: each member of the window is new, returning or resurrected, and who stayed away is
 * dormant.
 * @param now the window's members.
 * @param before those of the window of the same length before it.
 * @param ever those of all time before the window, `before` included.
 */
export function lifecycleOf(now: Members, before: Members, ever: Members): Lifecycle {
  const recent = new Set(before);
  const known = new Set(ever);
  let [newCount, returningCount] = [0, 0];
  for (const member of now) {
    if (recent.has(member)) returningCount += 1;
    else if (!known.has(member)) newCount += 1;
  }
  return {
    newCount,
    returningCount,
    resurrectedCount: now.length - newCount - returningCount,
    dormantCount: recent.size - returningCount,
  };
}
