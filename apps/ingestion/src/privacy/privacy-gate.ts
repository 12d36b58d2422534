import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ConsentScope, EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import type { Database, Transaction } from '@parley/database';
import { eventKeyOf, eventKinds, nobody } from '@parley/event';
import { contentModes, inContentMode } from '../event-content/content-mode.ts';
import { subjectsOf } from '../event-content/event-subjects.ts';
import { isSameContent } from '../event-content/same-content.ts';
import type { NewEvent, RefusalReason } from '../event-log/event-log.ts';
import type { JudgedEvent, Refusal, StorageRules } from '../event-log/storage-rules.ts';
import { blockRefused, countRefusals, findBlocked } from '../storage/privacy.sql.ts';
import type {
  RefusalCount,
  RefusedEvent,
  Subject,
  SubjectScope,
  TenantPlace,
  TenantRules,
} from '../storage/privacy.sql.ts';
import { createPrivacyRules } from './privacy-rules.ts';
import { groupSubject, keyBytes, personSubject, pseudonymOf, wholeTenant } from './subjects.ts';

/** What may be put into quarantine. */
export type Quarantinable =
  /** These bytes, which may be others than came; none where they can't be read and the tenant keeps no content. */
  { readonly body: Uint8Array } | { readonly refusal: RefusalReason };

/** Holds consent, content modes and erasure against what comes. */
export interface PrivacyGate extends StorageRules {
  /** The same of what can't be accepted, by the rules as they are now. */
  admit(place: TenantPlace, bodies: readonly Uint8Array[]): Promise<readonly Quarantinable[]>;
}

export function createPrivacyGate(worker: Database): PrivacyGate {
  const rules = createPrivacyRules(worker);
  return {
    forget: (partitions) => rules.forget(partitions),

    async judge(events) {
      const loaded = await rules.load(placesOf(events));
      const cases = events.map((event): Case | undefined => {
        const own = loaded.of(event);
        // Ticks are nobody's.
        if (own === undefined || event.tenantId === nobody) return undefined;
        return caseOf(event, fromBinary(EventSchema, event.body), own, keyOf(event));
      });
      const verdicts = await judgeCases(worker, cases);
      const judged = events.map((event, index): JudgedEvent => {
        const known = cases[index];
        const { refusal = refuseTooOld(event, loaded.tooOldBefore(event)), isOfErased } =
          verdicts[index] ?? unopposed;
        if (known === undefined || refusal !== undefined) return { event, refusal };
        return { event: inMode(event, isOfErased ? withPseudonyms(known) : known), refusal };
      });
      return { judged, versions: loaded.versions };
    },

    noteRefused,

    async admit({ partition, tenantId }, bodies) {
      if (bodies.length === 0) return [];
      rules.forget([partition]);
      const place = { partition, tenantId };
      const own = (await rules.load([place])).of(place);
      if (own === undefined) return bodies.map((body) => ({ body }));
      const events = bodies.map(decode);
      const cases = events.map((event) => {
        if (event === undefined) return undefined;
        const known = caseOf(place, event, own, undefined);
        // What is of the id of an erased interaction belongs to it, whatever else it says.
        return { ...known, references: [...known.references, ...ownReference(place, event)] };
      });
      const verdicts = await judgeCases(worker, cases);
      return bodies.map((body, index): Quarantinable => {
        const event = events[index];
        const { refusal } = verdicts[index] ?? unopposed;
        if (refusal !== undefined) return { refusal: refusal.reason };
        if (event === undefined) {
          if (!own.isAllowed) return { refusal: 'NO_CONSENT' };
          return { body: own.contentMode === 'full' ? body : new Uint8Array() };
        }
        return { body: own.contentMode === 'full' ? body : encode(event, own) };
      });
    },
  };
}

function refuseTooOld({ occurredAt }: NewEvent, tooOldBefore: Date | undefined): Refusal | undefined {
  if (occurredAt === undefined || tooOldBefore === undefined || occurredAt >= tooOldBefore) return undefined;
  return { reason: 'TOO_OLD', cause: undefined, tooOldBefore };
}

/** An event of a tenant that has rules, decoded. */
interface Case {
  readonly place: TenantPlace;
  readonly event: Event;
  readonly rules: TenantRules;
  /** What others may refer to: itself, where it is an interaction or a conversion. */
  readonly own: Subject | undefined;
  /** Consents that it needs. */
  readonly consents: readonly Subject[];
  /** What it must not belong to. */
  readonly erasures: readonly Subject[];
  /** What it refers to. */
  readonly references: readonly Subject[];
  /** Whose consent it is; that of a member who is erased is kept, but without the id. */
  readonly consenter: Subject | undefined;
}

/** What is to become of an event. */
interface Verdict {
  /** Undefined: it may be stored. */
  readonly refusal: Refusal | undefined;
  readonly isOfErased: boolean;
}

const unopposed: Verdict = { refusal: undefined, isOfErased: false };

function caseOf(
  { partition, tenantId }: TenantPlace,
  event: Event,
  rules: TenantRules,
  own: Subject | undefined,
): Case {
  const place = { partition, tenantId };
  const subjects = subjectsOf(event);
  const { subjectKey } = rules;
  const subject = (
    scope: SubjectScope,
    id: string | undefined,
    hash: (id: string) => Uint8Array,
  ): Subject[] => (id === undefined || id === '' ? [] : [{ ...place, scope, subject: hash(id) }]);
  const person = (id: string) => personSubject(subjectKey, id);
  const key = (id: string) => keyBytes(eventKeyOf(id));
  return {
    place,
    event,
    rules,
    own,
    consents: [
      ...subject('member', subjects?.memberId, person),
      ...subject('group', subjects?.groupId, (id) => groupSubject(subjectKey, id)),
    ],
    erasures: [
      ...subject('erased_member', subjects?.memberId, person),
      ...subject('erased_user', subjects?.userId, person),
    ],
    references: [
      ...subject('interaction', subjects?.interactionId, key),
      ...subject('conversion', subjects?.conversionId, key),
    ],
    consenter: subject('erased_member', consenterOf(event), person)[0],
  };
}

function consenterOf({ payload }: Event): string | undefined {
  const isMembers = payload.case === 'consent' && payload.value.scope === ConsentScope.MEMBER;
  return isMembers ? payload.value.subjectId : undefined;
}

/** What others may refer to an event by. */
function keyOf({ partition, tenantId, kind, eventKey }: NewEvent): Subject | undefined {
  if (kind !== eventKinds.interaction && kind !== eventKinds.conversion) return undefined;
  const scope = kind === eventKinds.interaction ? 'interaction' : 'conversion';
  return { partition, tenantId, scope, subject: keyBytes(eventKey) };
}

function ownReference(place: TenantPlace, { eventId, payload }: Event): readonly Subject[] {
  if (eventId === '' || (payload.case !== 'interaction' && payload.case !== 'conversion')) return [];
  return [{ ...place, scope: payload.case, subject: keyBytes(eventKeyOf(eventId)) }];
}

async function judgeCases(
  worker: Database,
  cases: readonly (Case | undefined)[],
): Promise<readonly Verdict[]> {
  const sought = new Map<string, Subject>();
  for (const known of cases) {
    if (known === undefined || !known.rules.hasBlocked) continue;
    const { consents, erasures, references, consenter } = known;
    for (const subject of [...consents, ...erasures, ...references, ...(consenter ? [consenter] : [])]) {
      sought.set(nameOf(subject), subject);
    }
  }
  const subjects = [...sought.values()];
  const blocked = new Map<string, Refusal>();
  for (const { index, cause } of await findBlocked(worker, subjects)) {
    const subject = subjects[index];
    if (subject !== undefined) blocked.set(nameOf(subject), refusalBy(subject, cause));
  }
  const refusals: (Refusal | undefined)[] = cases.map(() => undefined);
  // An interaction, its conversion and the refund of that may come in one group, in any order.
  for (let hasChanged = true; hasChanged;) {
    hasChanged = false;
    for (const [index, known] of cases.entries()) {
      if (known === undefined || refusals[index] !== undefined) continue;
      const refusal = refusalOf(known, blocked);
      if (refusal === undefined) continue;
      refusals[index] = refusal;
      if (known.own !== undefined) {
        blocked.set(nameOf(known.own), refusal);
        hasChanged = true;
      }
    }
  }
  return cases.map((known, index) => ({
    refusal: refusals[index],
    isOfErased: known?.consenter !== undefined && blocked.has(nameOf(known.consenter)),
  }));
}

function refusalOf(known: Case, blocked: ReadonlyMap<string, Refusal>): Refusal | undefined {
  const { place, rules, erasures, references, consents } = known;
  for (const subject of [...erasures, ...references, ...consents]) {
    const refusal = blocked.get(nameOf(subject));
    if (refusal !== undefined) return refusal;
  }
  const isAboutSomebody = subjectsOf(known.event) !== undefined;
  if (rules.isAllowed || !isAboutSomebody) return undefined;
  return refusalBy({ ...place, scope: 'tenant', subject: wholeTenant }, undefined);
}

function refusalBy(subject: Subject, cause: Refusal['cause']): Refusal {
  switch (subject.scope) {
    case 'member':
    case 'group':
    case 'tenant':
      return { reason: 'NO_CONSENT', cause: { scope: subject.scope, subject: subject.subject } };
    default:
      // Erased, or refused with what was.
      if (cause === undefined || cause.scope === 'erased_member') {
        return { reason: 'MEMBER_ERASED', cause: undefined };
      }
      return { reason: 'NO_CONSENT', cause };
  }
}

function nameOf({ partition, tenantId, scope, subject }: Subject): string {
  return `${partition} ${tenantId} ${scope} ${Buffer.from(subject).toString('base64')}`;
}

/** An event as its tenant keeps it; repeats of it are known whichever mode the first one was kept in. */
function inMode(event: NewEvent, { event: decoded, rules }: Case): NewEvent {
  return {
    ...event,
    body: rules.contentMode === 'full' ? event.body : encode(decoded, rules),
    sameContentAs: (stored) =>
      event.sameContentAs(stored) ||
      contentModes.some((mode) => isSameContent(inContentMode(decoded, mode, pseudonymsOf(rules)), stored)),
  };
}

function withPseudonyms(known: Case): Case {
  return { ...known, rules: { ...known.rules, contentMode: 'pseudonymous' } };
}

function encode(event: Event, rules: TenantRules): Uint8Array {
  return toBinary(EventSchema, inContentMode(event, rules.contentMode, pseudonymsOf(rules)));
}

function pseudonymsOf({ subjectKey }: TenantRules): (id: string) => string {
  return (id) => pseudonymOf(subjectKey, id);
}

/** Undefined where the bytes can't be read. */
function decode(body: Uint8Array): Event | undefined {
  try {
    return fromBinary(EventSchema, body, { readUnknownFields: false, recursionLimit: 32 });
  } catch {
    // That they can't be read is why they are to be kept apart.
    return undefined;
  }
}

function placesOf(events: readonly NewEvent[]): readonly TenantPlace[] {
  const partitions = new Map<number, Set<string>>();
  for (const { partition, tenantId } of events) {
    const tenants = partitions.get(partition);
    if (tenants === undefined) partitions.set(partition, new Set([tenantId]));
    else tenants.add(tenantId);
  }
  return [...partitions].flatMap(([partition, tenants]) =>
    [...tenants].map((tenantId) => ({ partition, tenantId })),
  );
}

/** Counts refusals, and remembers what they refused so that what refers to it is refused as well. */
async function noteRefused(tx: Transaction, refused: readonly JudgedEvent[]): Promise<void> {
  const counts = new Map<string, RefusalCount & { count: number }>();
  const events = new Map<string, RefusedEvent>();
  for (const { event, refusal } of refused) {
    // What refers to it may be younger.
    if (refusal?.reason === 'TOO_OLD') continue;
    const { partition, tenantId } = event;
    const cause = refusal?.cause;
    if (cause !== undefined) {
      const name = `${tenantId} ${cause.scope} ${Buffer.from(cause.subject).toString('base64')}`;
      const known = counts.get(name);
      if (known === undefined) counts.set(name, { partition, tenantId, ...cause, count: 1 });
      else known.count += 1;
    }
    const own = keyOf(event);
    // Of a whole tenant nothing comes in that could refer to it.
    if (own !== undefined && cause?.scope !== 'tenant') events.set(nameOf(own), { ...own, cause });
  }
  // In one order, so that two who write at once don't wait for each other; they hold their heads' locks as well.
  await countRefusals(
    tx,
    [...counts].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, count]) => count),
  );
  await blockRefused(
    tx,
    [...events].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, event]) => event),
  );
}
