/** The steps of an append at which a test can kill the process. */
export const appendFailpoints = [
  'append:locked',
  'append:copied',
  'append:committed',
  'append:before-answer',
] as const;
/** The steps of an erasure at which it can. */
export const erasureFailpoints = [
  'erasure:named',
  'erasure:blocked',
  'erasure:referred',
  'erasure:announcing',
  'erasure:announced',
  'erasure:emptying',
  'erasure:emptied',
  'erasure:completed',
] as const;
/**
 * The steps of retention: a run is begun, its raw events are sealed, some are removed but not for good, some are, the run
 * is over; what is nobody's in a month is sealed, readers pass over the month, it is gone.
 */
export const retentionFailpoints = [
  'retention:opened',
  'retention:sealed',
  'retention:removing',
  'retention:removed',
  'retention:closed',
  'retention:month-sealed',
  'retention:month-passed',
  'retention:month-dropped',
] as const;
/** The steps of late reading: what was read is not written yet; it is, but not where the reader is. */
export const readingFailpoints = ['reading:read', 'reading:written'] as const;
const failpoints = [...appendFailpoints, ...erasureFailpoints, ...retentionFailpoints, ...readingFailpoints];
export type Failpoint = (typeof failpoints)[number];

/** Told whenever a step is reached. */
export type ReachFailpoint = (point: Failpoint) => void;

/**
 * Ends the process, by `kill`, when a step is reached for the n-th time: `append:copied` or `append:copied@20`. Does
 * nothing without a setting. Throws RangeError for one that names no step.
 */
export function armFailpoint(setting: string | undefined, kill: () => void): ReachFailpoint {
  if (setting === undefined) return () => undefined;
  const [name, count = '1'] = setting.split('@');
  const armed = failpoints.find((point) => point === name);
  let left = Number(count);
  if (armed === undefined || !Number.isSafeInteger(left) || left < 1) {
    throw new RangeError(
      `Not a failpoint: ${setting}. There are ${failpoints.join(', ')}, each with @n for the n-th time.`,
    );
  }
  return (point) => {
    if (point !== armed) return;
    left -= 1;
    if (left === 0) kill();
  };
}
