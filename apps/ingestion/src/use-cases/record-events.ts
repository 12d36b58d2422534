import type { PositionSealer, Tenant } from '@parley/access';
import type { FieldViolation } from '@parley/errors';
import type { Now } from '@parley/runtime';
import type { AppendResult, EventLog } from '../event-log/event-log.ts';
import type { Collected, CollectionCounts } from '../storage/collection-counts.ts';
import type { NewQuarantinedEvent, QuarantineStore } from '../storage/quarantine-store.ts';
import type { CandidateEvent, CheckedEvent, RefusalReason } from './candidate-event.ts';
import type { Understand } from './understand-candidates.ts';

export interface RecordingDependencies {
  readonly log: EventLog;
  readonly quarantine: QuarantineStore;
  readonly positions: PositionSealer;
  readonly counts: Pick<CollectionCounts, 'note'>;
  readonly now: Now;
  /** Reads what lacks intent or sentiment, between the check and whatever changes the text. */
  readonly understand: Understand;
}

/** What became of one event. */
export type RecordingResult =
  | { readonly outcome: 'accepted' | 'duplicate'; readonly eventId: string }
  | {
      readonly outcome: 'conflict' | 'rejected';
      readonly eventId: string;
      readonly reason: RefusalReason;
      readonly message: string;
      readonly violations: readonly FieldViolation[];
      readonly quarantineId: string;
    };

export interface Recording {
  /** In the order of the events. */
  readonly results: readonly RecordingResult[];
  /** Sealed; a read that waits for it includes all that was accepted. Empty when nothing was. */
  readonly position: string;
}

/**
 * Records what keeps all rules and puts the rest into quarantine. Safe to repeat: what was recorded before comes back
 * as duplicate.
 */
export async function recordEvents(
  { log, quarantine, positions, counts, now, understand }: RecordingDependencies,
  tenant: Tenant,
  candidates: readonly CandidateEvent[],
  signal: AbortSignal,
): Promise<Recording> {
  const read = await understand(tenant, candidates);
  const checked = read.filter((candidate) => !candidate.isRefused);
  const appended =
    checked.length === 0
      ? []
      : await log.append(
          checked.map(({ event }) => event),
          signal,
        );
  let answered = 0;
  const outcomes = candidates.map((candidate): AppendResult | undefined => {
    if (candidate.isRefused) return undefined;
    const result = appended[answered];
    answered += 1;
    if (result === undefined) throw new Error('The log did not answer for every event.');
    return result;
  });

  const kept: NewQuarantinedEvent[] = [];
  // As they came: what was read is no part of what goes into quarantine.
  const results = candidates.map((candidate, position) => {
    const result = outcomes[position];
    if (!candidate.isRefused && result !== undefined && result.outcome !== 'conflict') {
      return { outcome: result.outcome, eventId: candidate.eventId };
    }
    const refused = candidate.isRefused ? candidate : conflictOf(candidate);
    const index = kept.push(refused) - 1;
    const { eventId, reason, message, violations } = refused;
    const outcome = candidate.isRefused ? ('rejected' as const) : ('conflict' as const);
    return { outcome, eventId, reason, message, violations, index };
  });
  const ids = await quarantine.keep(tenant, kept, now());
  counts.note(tenant, collectedOf(checked, appended, candidates.length - checked.length, now()));

  const offsets = appended.filter(({ outcome }) => outcome !== 'conflict').map(({ offset }) => offset);
  const last = offsets.reduce((highest, offset) => (offset > highest ? offset : highest), 0n);
  return {
    results: results.map((result) => {
      if (!('index' in result)) return result;
      const { index, ...told } = result;
      return { ...told, quarantineId: ids[index] ?? '' };
    }),
    position: last === 0n ? '' : positions.seal({ partition: tenant.partition, offset: last }),
  };
}

/** An accepted event that occurred longer ago is counted as ancient. */
const ancientMs = 7 * 24 * 3_600_000;

function collectedOf(
  checked: readonly CheckedEvent[],
  appended: readonly AppendResult[],
  rejected: number,
  now: Date,
): Collected {
  const before = now.getTime() - ancientMs;
  const collected = { accepted: 0, duplicate: 0, conflict: 0, rejected, ancient: 0 };
  checked.forEach(({ event: { occurredAt } }, index) => {
    const outcome = appended[index]?.outcome ?? 'accepted';
    collected[outcome] += 1;
    if (outcome === 'accepted' && occurredAt !== undefined && occurredAt.getTime() < before) {
      collected.ancient += 1;
    }
  });
  return collected;
}

function conflictOf({ eventId, event }: CheckedEvent) {
  return {
    eventId,
    kind: event.kind,
    reason: 'EVENT_CONFLICT' as const,
    message: 'This id stands for an event with other content already; the first one stays.',
    violations: [],
    body: event.body,
  };
}
