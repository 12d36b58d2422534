import { eventKinds } from '@parley/event';
import type { LogEvent } from '@parley/event';
import { latenessBin } from '@parley/kpi';
import type { LatenessCell } from '../storage/lateness-store.ts';

/** What counts at its own time: a completion and an enrichment only change what is there. */
const counted: ReadonlySet<number> = new Set([
  eventKinds.interaction,
  eventKinds.conversion,
  eventKinds.refund,
  eventKinds.feedback,
]);

/** How late events came. What they say is not needed, so that those that are erased count as they did. */
export function countLateness(events: readonly LogEvent[]): readonly LatenessCell[] {
  const cells = new Map<string, { tenantId: string; bin: number; count: number }>();
  for (const { kind, tenantId, occurredAt, receivedAt } of events) {
    if (!counted.has(kind)) continue;
    const bin = latenessBin(receivedAt.getTime() - occurredAt.getTime());
    if (bin === undefined) continue;
    const place = `${tenantId} ${bin}`;
    const cell = cells.get(place) ?? { tenantId, bin, count: 0 };
    cell.count += 1;
    cells.set(place, cell);
  }
  return [...cells.values()];
}
