/** The steps on the way to a purchase, in their order. */
export const funnelSteps = ['message', 'visit', 'checkout', 'purchase'] as const;

/** One of them. */
export type FunnelStepName = (typeof funnelSteps)[number];

/** When a member did what, in milliseconds and in any order. */
export type FunnelPath = Readonly<Record<FunnelStepName, readonly number[]>>;

/** How far members came. */
export interface FunnelStep {
  readonly name: FunnelStepName;
  /** Who came as far as this. */
  readonly memberCount: number;
  /** Half of them took no longer from the step before, in milliseconds. Undefined for the first step, and for nobody. */
  readonly medianDurationMs: number | undefined;
}

/**
 * How many members came how far: from their first message on they have so long for all steps. Each step is done at its
 * first occurrence at or after that of the step before; the order counts. Visits, checkouts and purchases without the
 * step before are no step.
 */
export function funnel(paths: Iterable<FunnelPath>, withinMs: number): readonly FunnelStep[] {
  const durations = funnelSteps.map((): number[] => []);
  for (const path of paths) {
    const start = earliest(path.message, -Infinity);
    if (start === Infinity) continue;
    let at = start;
    for (const [index, name] of funnelSteps.entries()) {
      const next = earliest(path[name], at);
      if (next > start + withinMs) break;
      durations[index]?.push(next - at);
      at = next;
    }
  }
  return funnelSteps.map((name, index) => {
    const times = durations[index] ?? [];
    return {
      name,
      memberCount: times.length,
      medianDurationMs: index === 0 ? undefined : median(times),
    };
  });
}

/** The first of these times that is not before that one; infinite where there is none. */
function earliest(times: readonly number[], from: number): number {
  let first = Infinity;
  for (const time of times) if (time >= from && time < first) first = time;
  return first;
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
