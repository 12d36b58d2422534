import type { PositionSealer, Tenant } from '@parley/access';
import type { FieldViolation } from '@parley/errors';
import type { Now } from '@parley/runtime';
import type { EventLog, RefusalReason as StorageRefusal } from '../event-log/event-log.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';
import type { BotRegister } from '../storage/bot-register.ts';
import { nothingCollected } from '../storage/collection-counts.ts';
import type { Collected, CollectedKind, CollectionCounts } from '../storage/collection-counts.ts';
import type { NewQuarantinedEvent, QuarantineStore } from '../storage/quarantine-store.ts';
import { admitBots } from './admit-bots.ts';
import type { CandidateEvent, CheckedEvent, RefusalReason } from './candidate-event.ts';
import type { Understand } from './understand-candidates.ts';

export interface RecordingDependencies {
  readonly log: EventLog;
  readonly quarantine: Pick<QuarantineStore, 'keep'>;
  /** The log holds it against what it keeps; here it is held against quarantine. */
  readonly gate: Pick<PrivacyGate, 'admit'>;
  readonly positions: PositionSealer;
  readonly counts: Pick<CollectionCounts, 'note'>;
  readonly now: Now;
  readonly bots: BotRegister;
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
      /** Empty where nothing of it may be kept. */
      readonly quarantineId: string;
      /** Of what is too old: what occurred before this is refused. */
      readonly tooOldBefore?: Date | undefined;
    };

export interface Recording {
  /** In the order of the events. */
  readonly results: readonly RecordingResult[];
  /** Sealed; a read that waits for it includes all that was accepted. Empty when nothing was. */
  readonly position: string;
}

/**
 * Records what keeps all rules and may be stored, and puts into quarantine what breaks one. Safe to repeat: what was
 * recorded before comes back as duplicate.
 */
export async function recordEvents(
  { log, quarantine, gate, positions, counts, now, bots, understand }: RecordingDependencies,
  tenant: Tenant,
  candidates: readonly CandidateEvent[],
  signal: AbortSignal,
): Promise<Recording> {
  const admitted = await admitBots(bots, tenant, candidates);
  const read = await understand(tenant, admitted);
  const checked = read.filter((candidate) => !candidate.isRefused);
  const appended =
    checked.length === 0
      ? []
      : await log.append(
          checked.map(({ event }) => event),
          signal,
        );
  let answered = 0;
  const results = admitted.map((candidate): RecordingResult | ToKeep => {
    if (candidate.isRefused) return { ...candidate, outcome: 'rejected' };
    const result = appended[answered];
    answered += 1;
    if (result === undefined) throw new Error('The log did not answer for every event.');
    switch (result.outcome) {
      case 'refused':
        return refusal(candidate.eventId, result.reason, result.tooOldBefore);
      case 'conflict':
        // As it came: what was read of it is no part of what goes into quarantine.
        return conflictOf(candidate);
      default:
        return { outcome: result.outcome, eventId: candidate.eventId };
    }
  });
  const kept = await keep({ quarantine, gate, now }, tenant, results.filter(isToKeep));
  const told = results.map((result) => (isToKeep(result) ? (kept.get(result) ?? unanswered()) : result));
  counts.note(tenant, collectedOf(candidates, told, now()));

  const offsets = appended.flatMap((result) =>
    result.outcome === 'accepted' || result.outcome === 'duplicate' ? [result.offset] : [],
  );
  const last = offsets.reduce((highest, offset) => (offset > highest ? offset : highest), 0n);
  return {
    results: told,
    position: last === 0n ? '' : positions.seal({ partition: tenant.partition, offset: last }),
  };
}

/** What belongs into quarantine, unless the tenant's rules forbid to keep it. */
interface ToKeep extends NewQuarantinedEvent {
  readonly outcome: 'conflict' | 'rejected';
  readonly reason: RefusalReason;
}

function isToKeep(result: RecordingResult | ToKeep): result is ToKeep {
  return 'body' in result;
}

/** Puts events into quarantine as far as they may be kept, and says what became of each. */
async function keep(
  { quarantine, gate, now }: Pick<RecordingDependencies, 'quarantine' | 'gate' | 'now'>,
  tenant: Tenant,
  events: readonly ToKeep[],
): Promise<ReadonlyMap<ToKeep, RecordingResult>> {
  const admitted = await gate.admit(
    tenant,
    events.map(({ body }) => body),
  );
  const told = new Map<ToKeep, RecordingResult>();
  const allowed: { readonly event: ToKeep; readonly body: Uint8Array }[] = [];
  for (const [index, event] of events.entries()) {
    const admission = admitted[index] ?? unanswered();
    if ('refusal' in admission) told.set(event, refusal(event.eventId, admission.refusal));
    else allowed.push({ event, body: admission.body });
  }
  const ids = await quarantine.keep(
    tenant,
    allowed.map(({ event, body }) => ({ ...event, body })),
    now(),
  );
  for (const [index, { event }] of allowed.entries()) {
    const { outcome, eventId, reason, message, violations } = event;
    told.set(event, { outcome, eventId, reason, message, violations, quarantineId: ids[index] ?? '' });
  }
  return told;
}

function unanswered(): never {
  throw new Error('Nothing became of an event.');
}

const refusalMessages: Readonly<Record<StorageRefusal, string>> = {
  NO_CONSENT: 'Consent to keep this is missing; nothing of it is kept.',
  MEMBER_ERASED: 'This belongs to a member who was erased; nothing of it is kept.',
  TOO_OLD: 'What is as old as this has expired; nothing of it is kept.',
};

function refusal(eventId: string, reason: StorageRefusal, tooOldBefore?: Date): RecordingResult {
  const violations =
    tooOldBefore === undefined
      ? []
      : [
          {
            field: 'occurred_at',
            description: `must not be before ${tooOldBefore.toISOString()}`,
            reason: 'TOO_OLD',
          },
        ];
  return {
    outcome: 'rejected',
    eventId,
    reason,
    message: refusalMessages[reason],
    violations,
    quarantineId: '',
    tooOldBefore,
  };
}

/** An accepted event that occurred longer ago is counted as ancient. */
const ancientMs = 7 * 24 * 3_600_000;

/** What became of events, by bot. */
function collectedOf(
  candidates: readonly CandidateEvent[],
  told: readonly RecordingResult[],
  now: Date,
): ReadonlyMap<string, Collected> {
  const before = now.getTime() - ancientMs;
  const byBot = new Map<string, Record<CollectedKind, number>>();
  for (const [index, result] of told.entries()) {
    const candidate = candidates[index];
    if (candidate === undefined) continue;
    const collected = byBot.get(candidate.botId) ?? nothingCollected();
    byBot.set(candidate.botId, collected);
    if (!('reason' in result) || result.quarantineId !== '') collected[result.outcome] += 1;
    else if (result.reason === 'NO_CONSENT') collected.refused += 1;
    const occurredAt = candidate.isRefused ? undefined : candidate.event.occurredAt;
    if (result.outcome === 'accepted' && occurredAt !== undefined && occurredAt.getTime() < before) {
      collected.ancient += 1;
    }
  }
  return byBot;
}

function conflictOf({ eventId, event }: CheckedEvent): ToKeep {
  return {
    outcome: 'conflict',
    eventId,
    kind: event.kind,
    reason: 'EVENT_CONFLICT',
    message: 'This id stands for an event with other content already; the first one stays.',
    violations: [],
    body: event.body,
  };
}
