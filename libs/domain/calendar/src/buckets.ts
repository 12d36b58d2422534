/** The lengths of the buckets that events are counted in, from the finest; all of them begin in UTC. */
export type BucketLevel = 'quarter' | 'hour' | 'day';

/** How many milliseconds a bucket is long: a quarter of an hour, an hour, a day. */
export const bucketLengths: Readonly<Record<BucketLevel, number>> = {
  quarter: 900_000,
  hour: 3_600_000,
  day: 86_400_000,
};

/** The start of the bucket that holds the instant. */
export function bucketStart(level: BucketLevel, at: Date): Date {
  const length = bucketLengths[level];
  return new Date(Math.floor(at.getTime() / length) * length);
}
