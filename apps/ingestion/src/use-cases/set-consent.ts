import { hash } from 'node:crypto';
import type { Tenant } from '@parley/access';
import { DomainError } from '@parley/errors';
import { eventKeyOf, eventKinds } from '@parley/event';
import type { Now } from '@parley/runtime';
import { consentEvent } from '../event-content/own-events.ts';
import type { EventLog, NewEvent } from '../event-log/event-log.ts';
import { consentSubject } from '../privacy/subjects.ts';
import type { ConsentScope } from '../privacy/subjects.ts';
import { liftErasure } from '../storage/erasure-store.ts';
import { raiseVersion, writeConsent } from '../storage/privacy-store.ts';
import type { TenantPlace } from '../storage/privacy.sql.ts';
import type { PrivacyStore } from '../storage/privacy-store.ts';

export interface ConsentDependencies {
  readonly log: Pick<EventLog, 'append' | 'heads'>;
  readonly privacy: PrivacyStore;
  readonly now: Now;
  /** Makes a UUIDv7. */
  readonly newId: () => string;
}

export interface Consent {
  readonly scope: ConsentScope;
  /** Of the member or group; empty for the tenant. */
  readonly subjectId: string;
  readonly isAllowed: boolean;
}

/**
 * Allows or forbids to store what is about somebody: as an event of the log and, in the same transaction, as the rule
 * that every later append is judged by. Returns the offset from which on it holds. Saying the same again changes nothing.
 * A member that was erased may be stored again once it is allowed anew.
 * @throws DomainError `failed-precondition` (ERASURE_RUNNING) to allow a member whose erasure is not complete.
 */
export async function setConsent(
  { log, privacy, now, newId }: ConsentDependencies,
  { partition, tenantId }: Tenant,
  { scope, subjectId, isAllowed }: Consent,
  signal: AbortSignal,
): Promise<bigint> {
  const place = { partition, tenantId };
  const subject = consentSubject(await privacy.subjectKey(place), scope, subjectId);
  const before = await privacy.findConsent(place, scope, subject);
  const lifts = scope === 'member' && isAllowed && (await requireErased(privacy, place, subject));
  if (before?.isAllowed === isAllowed && !lifts) return (await log.heads(signal)).get(partition) ?? 0n;

  const at = now();
  const eventId = newId();
  const body = consentEvent(eventId, { scope, subjectId, isAllowed });
  const event: NewEvent = {
    ...place,
    kind: eventKinds.consent,
    eventKey: eventKeyOf(eventId),
    fingerprint: hash('sha256', body, 'buffer').readBigInt64BE(0),
    occurredAt: undefined,
    body,
    sameContentAs: () => true,
    also: async (tx) => {
      await raiseVersion(tx, partition);
      await writeConsent(tx, place, { scope, subject, isAllowed, at });
      if (lifts) await liftErasure(tx, place, subject, at);
    },
  };
  const [result] = await log.append([event], signal);
  if (result === undefined || result.outcome === 'refused') throw new Error('A consent was not taken.');
  return result.offset;
}

/** Whether a member was erased, and is completely. */
async function requireErased(
  privacy: PrivacyStore,
  place: TenantPlace,
  subject: Uint8Array,
): Promise<boolean> {
  const erasure = await privacy.findErasure(place, subject);
  if (erasure === undefined) return false;
  if (erasure.isComplete) return true;
  throw new DomainError('The member is being erased; it can be allowed again once that is complete.', {
    kind: 'failed-precondition',
    reason: 'ERASURE_RUNNING',
    facts: { receipt_id: erasure.receiptId },
  });
}
