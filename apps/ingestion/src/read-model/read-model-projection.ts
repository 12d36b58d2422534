import { fromBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { EventSchema, Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import type { CopyValue } from '@parley/database';
import type { FoldContext, Projection } from '@parley/projection';
import { eventKeyOf } from '@parley/event';
import type { LogEvent } from '@parley/event';
import { toReading } from '../event-content/reading.ts';
import { applyEnrichments, saveEnrichments } from '../storage/enrichment-store.ts';
import type { InteractionPlace, NewEnrichment } from '../storage/enrichment-store.ts';
import { insertFacts } from '../storage/fact-store.ts';
import { addSeenMembers, upsertMembers, upsertUsers } from '../storage/people-store.ts';
import { factRowOf } from './fact-row.ts';
import { factTables } from '../storage/fact-tables.ts';
import type { FactKind } from '../storage/fact-tables.ts';
import { createPeople } from './people.ts';

/** Under this name it runs, is verified and rebuilt. */
export const readModelName = 'ingestion.read-model';

/**
 * The guide's models as tables. A row of facts holds what one event said and nothing of any other: completions,
 * conversions and refunds meet their interactions when they are read, so it does not matter which came first.
 */
export const readModelProjection: Projection = {
  name: readModelName,
  version: 2,
  tables: [
    ...Object.values(factTables).map(({ name }) => ({ name })),
    { name: 'enrichment_rows' },
    { name: 'member_rows' },
    { name: 'user_rows' },
  ],
  fold: foldEvents,
};

async function foldEvents(
  { tx, partition, generation }: FoldContext,
  events: readonly LogEvent[],
): Promise<void> {
  const facts = new Map<FactKind, CopyValue[][]>();
  const people = createPeople();
  const enrichments: NewEnrichment[] = [];
  const unsaid: InteractionPlace[] = [];
  for (const logEvent of events) {
    const { offset, tenantId, eventKey, occurredAt, receivedAt, body } = logEvent;
    // Erased or expired: there is nothing left to show.
    if (body === undefined) continue;
    const event = fromBinary(EventSchema, body);
    people.see(logEvent, event);
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
  await addSeenMembers(tx, { partition, generation }, people.seenMembers());
  await upsertMembers(tx, { partition, generation }, people.members());
  await upsertUsers(tx, { partition, generation }, people.users());
}
