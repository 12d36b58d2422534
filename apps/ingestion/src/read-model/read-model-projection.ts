import { fromBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { EventSchema, Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import type { CopyValue } from '@parley/database';
import type { FoldContext, Projection } from '@parley/projection';
import { eventKeyOf, eventKinds, unpackEventKeys } from '@parley/event';
import type { LogEvent } from '@parley/event';
import { toReading } from '../event-content/reading.ts';
import { applyEnrichments, saveEnrichments } from '../storage/enrichment-store.ts';
import type { InteractionPlace, NewEnrichment } from '../storage/enrichment-store.ts';
import { recordKinds } from '../storage/expired-raw.sql.ts';
import { insertFacts } from '../storage/fact-store.ts';
import { deleteErased } from '../storage/erased-rows.sql.ts';
import { saveReferences } from '../storage/reference-store.ts';
import type { NewReference } from '../storage/reference-store.ts';
import { addSeenMembers, upsertMembers, upsertUsers } from '../storage/people-store.ts';
import { withoutTexts } from '../event-content/without-texts.ts';
import { readRemoved } from '../storage/retention-progress.sql.ts';
import type { Removed } from '../storage/retention-progress.sql.ts';
import { factRowOf } from './fact-row.ts';
import { factTables } from '../storage/fact-tables.ts';
import type { FactKind } from '../storage/fact-tables.ts';
import { createPeople } from './people.ts';
import { referenceOf } from './reference.ts';

/** Under this name it runs, is verified and rebuilt. */
export const readModelName = 'ingestion.read-model';

/**
 * The guide's models as tables. A row of facts holds what one event said and nothing of any other: completions,
 * conversions and refunds meet their interactions when they are read, so it does not matter which came first. Beside
 * them, by whom and what each event is about, so that an erasure finds all that goes with a member.
 */
export const readModelProjection: Projection = {
  name: readModelName,
  version: 3,
  tables: [
    ...Object.values(factTables).map(({ name }) => ({ name, time: 'occurred_at' })),
    // What may be of events that have expired; folding the others into it once more changes nothing.
    { name: 'enrichment_rows', sealed: 'true' },
    { name: 'reference_rows', sealed: `r.kind in (${recordKinds.join(', ')})` },
    { name: 'member_rows', sealed: 'true' },
    { name: 'user_rows', sealed: 'true' },
  ],
  async fold(context, events) {
    // An erasure takes away what came before it, and nothing that comes after.
    let start = 0;
    for (const [index, event] of events.entries()) {
      if (event.kind !== eventKinds.erasure) continue;
      await foldEvents(context, events.slice(start, index));
      await foldErasure(context, event);
      start = index + 1;
    }
    await foldEvents(context, events.slice(start));
  },
};

async function foldErasure(
  { tx, partition, generation }: FoldContext,
  { tenantId, body }: LogEvent,
): Promise<void> {
  if (body === undefined) return;
  const { payload } = fromBinary(EventSchema, body);
  // One that is complete names nobody any more, and what it took away has no body.
  if (payload.case !== 'erasure' || payload.value.memberId === '') return;
  const { memberId, memberAliases, userIds } = payload.value;
  await deleteErased(
    tx,
    { partition, generation, tenantId },
    { events: unpackEventKeys(payload.value), memberIds: [memberId, ...memberAliases], userIds },
  );
}

/** An event as far as it is still kept; undefined: erased or expired, there is nothing left to show. */
function leftOf({ offset, tenantId, body }: LogEvent, { content, raw }: Removed): Event | undefined {
  if (body === undefined || offset <= (raw.get(tenantId) ?? 0n)) return undefined;
  const event = fromBinary(EventSchema, body);
  return offset <= (content.get(tenantId) ?? 0n) ? (withoutTexts(event) ?? event) : event;
}

async function foldEvents(
  { tx, partition, generation }: FoldContext,
  events: readonly LogEvent[],
): Promise<void> {
  const facts = new Map<FactKind, CopyValue[][]>();
  const people = createPeople();
  const enrichments: NewEnrichment[] = [];
  const unsaid: InteractionPlace[] = [];
  const references: NewReference[] = [];
  // What was read before it was removed must not come back.
  const removed = await readRemoved(tx, partition, events[0]?.offset ?? 0n);
  for (const logEvent of events) {
    const { offset, tenantId, kind, eventKey, occurredAt, receivedAt } = logEvent;
    const event = leftOf(logEvent, removed);
    if (event === undefined) continue;
    people.see(logEvent, event);
    const reference = referenceOf(event);
    if (reference !== undefined) references.push({ tenantId, eventKey, kind, offset, ...reference });
    if (event.payload.case === 'enrichment') {
      const { interactionId, understanding } = event.payload.value;
      const reading = toReading(understanding);
      if (reading === undefined) continue;
      enrichments.push({ tenantId, eventKey: eventKeyOf(interactionId), offset, reading });
    }
    if (event.payload.case === 'interaction') {
      const { intent, sentiment } = event.payload.value;
      if (intent === '' || sentiment === Sentiment.UNSPECIFIED) unsaid.push({ tenantId, eventKey });
    }
    const fact = factRowOf(event, occurredAt);
    if (fact === undefined) continue;
    const sentAt = event.sentAt === undefined ? null : timestampDate(event.sentAt);
    const rows = facts.get(fact.kind) ?? [];
    facts.set(fact.kind, rows);
    rows.push([
      partition,
      generation,
      tenantId,
      eventKey,
      offset,
      occurredAt,
      sentAt,
      receivedAt,
      ...fact.values,
    ]);
  }
  await insertFacts(
    tx,
    Array.from(facts, ([kind, rows]) => ({ table: factTables[kind], rows })),
  );
  await saveEnrichments(tx, { partition, generation }, enrichments);
  await applyEnrichments(tx, { partition, generation }, [...unsaid, ...enrichments]);
  await saveReferences(tx, { partition, generation }, references);
  await addSeenMembers(tx, { partition, generation }, people.seenMembers());
  await upsertMembers(tx, { partition, generation }, people.members());
  await upsertUsers(tx, { partition, generation }, people.users());
}
