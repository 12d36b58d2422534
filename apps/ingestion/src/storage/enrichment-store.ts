import { encodeUuidArray } from '@parley/database';
import type { Transaction } from '@parley/database';

/** What one enrichment says of an interaction. */
export interface NewEnrichment {
  readonly tenantId: string;
  /** Of the interaction. */
  readonly eventKey: string;
  readonly offset: bigint;
  readonly reading: object;
}

/** An interaction, of any tenant. */
export interface InteractionPlace {
  readonly tenantId: string;
  readonly eventKey: string;
}

interface Scope {
  readonly partition: number;
  readonly generation: number;
}

/** Keeps what enrichments say; of what several say of the same, the later one's stays, in whichever order they come. */
export async function saveEnrichments(
  tx: Transaction,
  { partition, generation }: Scope,
  enrichments: readonly NewEnrichment[],
): Promise<void> {
  const merged = new Map<string, NewEnrichment>();
  for (const enrichment of enrichments) {
    const place = `${enrichment.tenantId} ${enrichment.eventKey}`;
    const before = merged.get(place);
    merged.set(place, { ...enrichment, reading: { ...before?.reading, ...enrichment.reading } });
  }
  if (merged.size === 0) return;
  const rows = [...merged.values()];
  await tx.query(
    `insert into enrichment_rows as e (partition, generation, tenant_id, event_key, log_offset, reading)
     select $1, $2, n.* from unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::jsonb[]) as n
     on conflict (partition, event_key, tenant_id, generation) do update
       set reading = case when excluded.log_offset > e.log_offset then e.reading || excluded.reading
                          else excluded.reading || e.reading end,
           log_offset = greatest(e.log_offset, excluded.log_offset)`,
    [
      partition,
      generation,
      encodeUuidArray(rows.map(({ tenantId }) => tenantId)),
      encodeUuidArray(rows.map(({ eventKey }) => eventKey)),
      rows.map(({ offset }) => offset),
      rows.map(({ reading }) => JSON.stringify(reading)),
    ],
  );
}

/** Fills in what is kept of these interactions and the producer did not say. By both primary keys. */
export async function applyEnrichments(
  tx: Transaction,
  { partition, generation }: Scope,
  places: readonly InteractionPlace[],
): Promise<void> {
  if (places.length === 0) return;
  const { rows } = await tx.query<{ tenant_id: string; event_key: string; reading: object }>(
    `select e.*
       from unnest($3::uuid[], $4::uuid[]) as k (tenant_id, event_key)
      cross join lateral (
        select e.tenant_id, e.event_key, e.reading from enrichment_rows e
         where e.partition = $1 and e.event_key = k.event_key and e.tenant_id = k.tenant_id and e.generation = $2
        offset 0
      ) e`,
    [
      partition,
      generation,
      encodeUuidArray(places.map(({ tenantId }) => tenantId)),
      encodeUuidArray(places.map(({ eventKey }) => eventKey)),
    ],
  );
  // As a rule none: an enrichment comes after its interaction.
  if (rows.length === 0) return;
  await tx.query(
    `update interaction_rows i
        set intent = case when i.intent_given or not f.reading ? 'intent' then i.intent else f.reading ->> 'intent' end,
            intent_score = case when i.intent_given or not f.reading ? 'intent' then i.intent_score
                                else (f.reading ->> 'intent_confidence')::float8 end,
            sentiment = case when i.sentiment_given or not f.reading ? 'sentiment' then i.sentiment
                             else f.reading ->> 'sentiment' end,
            understanding = coalesce(i.understanding, '{}') || f.reading
       from unnest($3::uuid[], $4::uuid[], $5::jsonb[]) as f (tenant_id, event_key, reading)
      where i.partition = $1 and i.generation = $2 and i.tenant_id = f.tenant_id and i.event_key = f.event_key`,
    [
      partition,
      generation,
      encodeUuidArray(rows.map(({ tenant_id }) => tenant_id)),
      encodeUuidArray(rows.map(({ event_key }) => event_key)),
      rows.map(({ reading }) => JSON.stringify(reading)),
    ],
  );
}
