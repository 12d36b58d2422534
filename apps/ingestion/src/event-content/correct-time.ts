/** A producer's clock counts as right while what it sends seems to be under way for no longer than this. */
export const clockToleranceMs = 60_000;

const earliestMs = Date.parse('0001-01-01T00:00:00Z');

/**
 * When an event occurred by the service's clock (Snowplow's derived timestamp). Where `sentAt` and `receivedAt` differ by
 * more than a minute, that is what the producer's clock is wrong by, and `reportedAt` with it. How long the event lay
 * there before it was sent does not matter. Never before the year 1.
 * @param sentAt by the clock of `reportedAt`; undefined: nothing is known of that clock, and it is believed.
 */
export function correctTime(reportedAt: Date, sentAt: Date | undefined, receivedAt: Date): Date {
  if (sentAt === undefined) return reportedAt;
  const errorMs = receivedAt.getTime() - sentAt.getTime();
  if (Math.abs(errorMs) <= clockToleranceMs) return reportedAt;
  return new Date(Math.max(earliestMs, reportedAt.getTime() + errorMs));
}
