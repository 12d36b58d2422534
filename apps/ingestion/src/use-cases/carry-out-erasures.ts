import { hash } from 'node:crypto';
import type { Database } from '@parley/database';
import { eventKeyOf, eventKinds } from '@parley/event';
import type { Now } from '@parley/runtime';
import { holdsText, namedIn } from '../event-content/named-in.ts';
import { completeErasureEvent, erasureEvent, erasureEventId } from '../event-content/own-events.ts';
import type { EventLog, NewEvent } from '../event-log/event-log.ts';
import type { ReachFailpoint } from '../event-log/failpoint.ts';
import { recentEventsLimits } from '../event-log/recent-events.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';
import { personSubject } from '../privacy/subjects.ts';
import { blockReferences } from '../storage/erasure/block-references.sql.ts';
import { addTargets, collectNamed, findModel, readParked } from '../storage/erasure/collect-named.sql.ts';
import { collectReferring, collectRefunds } from '../storage/erasure/collect-referring.sql.ts';
import { completeErasure } from '../storage/erasure/complete-erasure.sql.ts';
import { readConfirmations } from '../storage/erasure/confirmations.sql.ts';
import { countBodies, emptyEvents } from '../storage/erasure/empty-events.sql.ts';
import { countModelRows, notePlaces } from '../storage/erasure/erasure-places.sql.ts';
import {
  byKind,
  countTargets,
  findTargets,
  readTargets,
  readUsers,
} from '../storage/erasure/erasure-targets.sql.ts';
import {
  anonymizeTextReads,
  deleteQuarantined,
  forgetParkedErrors,
} from '../storage/erasure/forget-traces.sql.ts';
import { moveErasure } from '../storage/erasure/open-erasures.sql.ts';
import type { OpenErasure } from '../storage/erasure/open-erasures.sql.ts';
import { changeRules } from '../storage/privacy-store.ts';
import type { PrivacyStore } from '../storage/privacy-store.ts';

export interface CarryOutDependencies {
  /** Sees all tenants. */
  readonly worker: Database;
  /** Holds the heads' locks. */
  readonly append: Database;
  readonly log: Pick<EventLog, 'append'>;
  readonly gate: Pick<PrivacyGate, 'admit'>;
  readonly privacy: Pick<PrivacyStore, 'subjectKey'>;
  readonly model: { readonly name: string; readonly version: number };
  /** Whether every generation of the read model is past an offset. */
  readonly isPast: (partition: number, offset: bigint) => Promise<boolean>;
  /** Those that must confirm. */
  readonly services: readonly string[];
  readonly now: Now;
  readonly signal: AbortSignal;
  /** For tests that end the process. */
  readonly reach: ReachFailpoint;
}

/** Events that one event of the log names: some 350 kB of keys. */
const eventsPerPart = 20_000;
/** After so long no process gives readers what it holds in memory of the log from before. */
const memoryMs = recentEventsLimits.ageMs + 1_000;

/**
 * Takes an erasure one step further; false when it waits for something. Every step may be repeated, in part or whole, by
 * whichever process: what it writes it writes once, and it moves the erasure on at its end.
 *
 * 1. `naming`: what names the member is complete, since it was blocked. What names it is collected, and what would refer
 *    to its interactions and conversions is blocked.
 * 2. `referring`: so what refers to them is complete as well, and is collected; conversions among it are blocked.
 * 3. `refunding`: the refunds of those.
 * 4. `announcing`: an event of the log names them all; every projection takes them out when it comes to that event.
 * 5. `announced`: when all projections of all services have, the log and what stands beside it are emptied.
 * 6. `emptied`: when nothing that was computed anew meanwhile can have read the log as it was, whom it was about is
 *    forgotten.
 */
export async function carryOutErasure(
  dependencies: CarryOutDependencies,
  erasure: OpenErasure,
): Promise<boolean> {
  switch (erasure.stage) {
    case 'naming':
    case 'referring':
    case 'refunding':
      return collect(dependencies, erasure);
    case 'announcing':
      return announce(dependencies, erasure);
    case 'announced':
      return empty(dependencies, erasure);
    case 'emptied':
      return complete(dependencies, erasure);
    case 'complete':
      return false;
  }
}

async function collect(dependencies: CarryOutDependencies, erasure: OpenErasure): Promise<boolean> {
  const { worker, append, model, reach } = dependencies;
  const generation = await findModel(worker, model, erasure);
  if (generation === undefined) return false;
  if (erasure.stage === 'refunding') {
    await collectRefunds(worker, erasure, generation);
    await collectParked(dependencies, erasure);
    await moveErasure(worker, erasure, { stage: 'announcing' });
    return true;
  }
  if (erasure.stage === 'naming') {
    await collectNamed(worker, erasure, generation);
    await collectParked(dependencies, erasure);
    reach('erasure:named');
  } else {
    await collectReferring(worker, erasure, generation);
    await collectParked(dependencies, erasure);
    reach('erasure:referred');
  }
  const key = await dependencies.privacy.subjectKey(erasure);
  const users = await readUsers(worker, erasure);
  await blockReferences(
    worker,
    erasure,
    users.map((id) => personSubject(key, id)),
  );
  const throughOffset = await changeRules(append, erasure.partition, (_tx, head) => Promise.resolve(head));
  reach('erasure:blocked');
  const stage = erasure.stage === 'naming' ? 'referring' : 'refunding';
  await moveErasure(worker, erasure, { stage, throughOffset });
  return true;
}

/** What the read model could not take is not in its tables. */
async function collectParked({ worker, model }: CarryOutDependencies, erasure: OpenErasure): Promise<void> {
  const parked = (await readParked(worker, model.name, erasure)).map((event) => ({
    ...event,
    named: namedIn(event.body),
  }));
  const keysOf = (key: 'interactionKey' | 'conversionKey') =>
    parked.flatMap(({ named }) => named?.[key] ?? []);
  const interactions = await findTargets(worker, erasure, eventKinds.interaction, keysOf('interactionKey'));
  const conversions = await findTargets(worker, erasure, eventKinds.conversion, keysOf('conversionKey'));
  const users = new Set(await readUsers(worker, erasure));
  await addTargets(
    worker,
    erasure,
    parked.filter(
      ({ named }) =>
        named !== undefined &&
        (erasure.memberIds.includes(named.memberId) ||
          users.has(named.userId) ||
          (named.interactionKey !== undefined && interactions.has(named.interactionKey)) ||
          (named.conversionKey !== undefined && conversions.has(named.conversionKey))),
    ),
  );
}

/** Writes the events by which everybody erases; what they name no longer changes. */
async function announce(
  { worker, log, model, signal, reach }: CarryOutDependencies,
  erasure: OpenErasure,
): Promise<boolean> {
  const generation = await findModel(worker, model, erasure);
  if (generation === undefined) return false;
  await notePlaces(worker, erasure, await countModelRows(worker, erasure, generation));
  const partCount = partCountOf(await countTargets(worker, erasure));
  const userIds = await readUsers(worker, erasure);
  reach('erasure:announcing');
  let after: { readonly kind: number; readonly eventKey: string } | undefined;
  let logOffset = 0n;
  for (let part = 1; part <= partCount; part += 1) {
    const targets = await readTargets(worker, erasure, after, eventsPerPart);
    after = targets.at(-1) ?? after;
    const body = erasureEvent({ ...erasure, userIds, events: byKind(targets), part, partCount });
    const [result] = await log.append([toNewEvent(erasure, part, body)], signal);
    if (result === undefined || result.outcome === 'refused') throw new Error('An erasure was not taken.');
    if (result.offset > logOffset) logOffset = result.offset;
  }
  reach('erasure:announced');
  await moveErasure(worker, erasure, { stage: 'announced', logOffset });
  return true;
}

/** There is one event of the log for an erasure of nothing as well: the receipt's place there. */
function partCountOf(targetCount: number): number {
  return Math.max(1, Math.ceil(targetCount / eventsPerPart));
}

function toNewEvent(
  { partition, tenantId, receiptId }: OpenErasure,
  part: number,
  body: Uint8Array,
): NewEvent {
  return {
    partition,
    tenantId,
    kind: eventKinds.erasure,
    eventKey: eventKeyOf(erasureEventId(receiptId, part)),
    fingerprint: hash('sha256', body, 'buffer').readBigInt64BE(0),
    occurredAt: undefined,
    body,
    sameContentAs: () => true,
  };
}

async function empty(dependencies: CarryOutDependencies, erasure: OpenErasure): Promise<boolean> {
  const { worker, model, services, isPast, signal, reach } = dependencies;
  const { logOffset, announcedForMs = 0 } = erasure;
  if (logOffset === undefined || announcedForMs < memoryMs) return false;
  const confirmations = await readConfirmations(worker, erasure);
  if (!services.every((service) => confirmations.has(service))) return false;
  if (!(await isPast(erasure.partition, logOffset))) return false;
  await forgetParkedErrors(worker, model.name, erasure);
  while (await emptyEvents(worker, erasure)) {
    reach('erasure:emptying');
    signal.throwIfAborted();
  }
  await deleteQuarantined(worker, erasure, (bodies) => judgeQuarantined(dependencies, erasure, bodies));
  reach('erasure:emptied');
  await moveErasure(worker, erasure, { stage: 'emptied' });
  return true;
}

/** Which of these are about the member, by the same rules by which they would be refused now. */
async function judgeQuarantined(
  { gate }: CarryOutDependencies,
  { partition, tenantId, memberIds }: OpenErasure,
  bodies: readonly Uint8Array[],
): Promise<readonly boolean[]> {
  const admitted = await gate.admit({ partition, tenantId }, bodies);
  return bodies.map((body, index) => {
    const admission = admitted[index];
    if (admission !== undefined && 'refusal' in admission) return admission.refusal === 'MEMBER_ERASED';
    return namedIn(body) === undefined && memberIds.some((id) => holdsText(body, id));
  });
}

async function complete(dependencies: CarryOutDependencies, erasure: OpenErasure): Promise<boolean> {
  const { worker, services, isPast, now, reach } = dependencies;
  const { receiptId, memberHash, partition, logOffset } = erasure;
  if (logOffset === undefined) throw new Error('An erasure without a place in the log.');
  const confirmations = await readConfirmations(worker, erasure);
  if (!services.every((service) => confirmations.get(service) === true)) return false;
  if (!(await isPast(partition, logOffset))) return false;
  const left = new Map(await countModelRows(worker, erasure, undefined));
  left.set('events', await countBodies(worker, erasure));
  const rest = [...left].filter(([, count]) => count > 0n);
  if (rest.length > 0) {
    throw new Error(
      `An erasure is not complete: ${rest.map(([place, n]) => `${n} in ${place}`).join(', ')}.`,
    );
  }
  // Now that there are no texts of the member to be read, and so no reads to be noted.
  await anonymizeTextReads(worker, erasure, async (ids) => {
    const own = await findTargets(worker, erasure, eventKinds.interaction, ids.map(eventKeyOf));
    return ids.map((id) => own.has(eventKeyOf(id)));
  });
  const partCount = partCountOf(await countTargets(worker, erasure));
  await completeErasure(worker, erasure, {
    blank: completeErasureEvent(receiptId, memberHash),
    eventKeys: Array.from({ length: partCount }, (_, index) =>
      eventKeyOf(erasureEventId(receiptId, index + 1)),
    ),
    after: left,
    at: now(),
  });
  reach('erasure:completed');
  return true;
}
