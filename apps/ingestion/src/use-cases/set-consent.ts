import { hash } from 'node:crypto';
import type { Tenant } from '@parley/access';
import { eventKeyOf, eventKinds } from '@parley/event';
import type { Now } from '@parley/runtime';
import { consentEvent } from '../event-content/own-events.ts';
import type { EventLog, NewEvent } from '../event-log/event-log.ts';
import { consentSubject } from '../privacy/subjects.ts';
import type { ConsentScope } from '../privacy/subjects.ts';
import { raiseVersion, writeConsent } from '../storage/privacy-store.ts';
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
  if (before?.isAllowed === isAllowed) return (await log.heads(signal)).get(partition) ?? 0n;

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
    },
  };
  const [result] = await log.append([event], signal);
  if (result === undefined || result.outcome === 'refused') throw new Error('A consent was not taken.');
  return result.offset;
}
