import type { TimedLine } from './demo-line.ts';

/**
 * The lines of all stories in the order of time; lines of the same time in the order in which they come. Stories must
 * come in the order of their first lines, which are their earliest. Holds no more than the lines that are still to come.
 */
export function* inTimeOrder(stories: Iterable<readonly TimedLine[]>): Generator<TimedLine> {
  // The latest first, so that the next one is at the end.
  const pending: TimedLine[] = [];
  for (const story of stories) {
    const [first] = story;
    if (first === undefined) continue;
    yield* takeUntil(pending, first.at);
    for (const timed of story) pending.splice(indexBefore(pending, timed.at), 0, timed);
  }
  yield* takeUntil(pending, Number.POSITIVE_INFINITY);
}

function* takeUntil(pending: TimedLine[], end: number): Generator<TimedLine> {
  for (let next = pending.at(-1); next !== undefined && next.at < end; next = pending.at(-1)) {
    pending.pop();
    yield next;
  }
}

/** Where a line of that time belongs: before all that are not later. By bisection. */
function indexBefore(pending: readonly TimedLine[], at: number): number {
  let low = 0;
  let high = pending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = pending[middle];
    if (other !== undefined && other.at > at) low = middle + 1;
    else high = middle;
  }
  return low;
}
