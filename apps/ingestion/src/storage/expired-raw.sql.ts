import type { Transaction } from '@parley/database';
import { eventKinds } from '@parley/event';
import type { EventKindNumber } from '@parley/event';
import type { TenantPlace } from './expired-content.sql.ts';
import { factTables } from './fact-tables.ts';

/** A part of the log that was gone through. */
export interface RawStep {
  /** The last offset of it; undefined when nothing after `after` is old enough. */
  readonly through: bigint | undefined;
  /** The tenant's events in it that are to lose their bodies. */
  readonly expired: readonly ExpiredEvent[];
}

export interface ExpiredEvent {
  readonly offset: bigint;
  readonly receivedAt: Date;
  readonly kind: EventKindNumber;
  readonly eventKey: string;
}

/** Offsets gone through in one transaction. */
const offsetsAtOnce = 2_000n;

/** What somebody consented to, and that somebody was erased, is kept for as long as its month. */
const keptKinds: readonly EventKindNumber[] = [eventKinds.consent, eventKinds.erasure];

/** What is recorded of somebody is kept until it is recorded anew. */
export const recordKinds: readonly EventKindNumber[] = [eventKinds.member, eventKinds.user];

/** Where events of a kind are in the read model. */
const rowTables: ReadonlyMap<EventKindNumber, string> = new Map([
  [eventKinds.interaction, factTables.interaction.name],
  [eventKinds.completion, factTables.completion.name],
  [eventKinds.conversion, factTables.conversion.name],
  [eventKinds.refund, factTables.refund.name],
  [eventKinds.feedback, factTables.feedback.name],
  [eventKinds.handoff, factTables.handoff.name],
  [eventKinds.bot_performance_metric, factTables.botPerformanceMetric.name],
]);

/**
 * The next part of a partition's log, from after an offset, of what was received before a time. By the index of offsets:
 * times of receipt never go back, so what is too young ends it.
 */
export async function readExpiredRaw(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  after: bigint,
  receivedBefore: Date,
): Promise<RawStep> {
  const { rows: ends } = await tx.query<{ through: bigint | null }>(
    `select max(log_offset) as through from events
      where partition = $1 and log_offset > $2 and log_offset <= $3 and log_offset > 0 and received_at < $4`,
    [partition, after, after + offsetsAtOnce, receivedBefore],
  );
  const through = ends[0]?.through ?? undefined;
  if (through === undefined) return { through, expired: [] };
  const { rows: expired } = await tx.query<ExpiredEvent>(
    `select log_offset as "offset", received_at as "receivedAt", kind, event_key as "eventKey" from events
      where partition = $1 and log_offset > $2 and log_offset <= $3 and log_offset > 0 and received_at < $4
        and tenant_id = $5 and not kind = any($6) and body is not null
      order by log_offset`,
    [partition, after, through, receivedBefore, tenantId, keptKinds],
  );
  return { through, expired };
}

/**
 * Takes the bodies of events, and their rows in every generation of the read model. Members that were only ever seen in
 * what is gone go with it; what was recorded last of members and users stays.
 */
export async function removeRaw(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  expired: readonly ExpiredEvent[],
): Promise<void> {
  const [first, last] = [expired[0], expired.at(-1)];
  if (first === undefined || last === undefined) return;
  await tx.query(
    `update events e set body = null, fingerprint = null
       from unnest($2::bigint[]) as k (log_offset)
      where e.partition = $1 and e.log_offset = k.log_offset and e.log_offset > 0
        and e.received_at >= $3 and e.received_at <= $4 and e.log_offset >= $5 and e.log_offset <= $6`,
    [
      partition,
      expired.map(({ offset }) => offset),
      first.receivedAt,
      last.receivedAt,
      first.offset,
      last.offset,
    ],
  );
  for (const [kind, table] of rowTables) {
    const own = expired.filter((event) => event.kind === kind);
    if (own.length === 0) continue;
    const keys = [partition, tenantId, own.map(({ eventKey }) => eventKey), own.map(({ offset }) => offset)];
    // By primary key. A row may be of a later event of the same id, which the log had forgotten.
    const rows = `delete from ${table} r using unnest($3::uuid[], $4::bigint[]) as k (event_key, log_offset)
       where r.partition = $1 and r.tenant_id = $2 and r.event_key = k.event_key and r.log_offset = k.log_offset`;
    if (kind !== eventKinds.interaction) {
      await tx.query(rows, keys);
      continue;
    }
    const { rows: seen } = await tx.query<{ generation: number; member_id: string | null }>(
      `${rows} returning r.generation, r.member_id`,
      keys,
    );
    await removeUnseen(tx, { partition, tenantId }, seen);
  }
  // What a record names is kept as long as the record: by it, an erasure finds the users that go with a member.
  const referring = expired.filter(({ kind }) => !recordKinds.includes(kind));
  await tx.query(
    `delete from reference_rows r using unnest($3::uuid[], $4::smallint[], $5::bigint[]) as k (event_key, kind, log_offset)
      where r.partition = $1 and r.event_key = k.event_key and r.tenant_id = $2 and r.kind = k.kind
        and r.log_offset = k.log_offset`,
    [
      partition,
      tenantId,
      referring.map(({ eventKey }) => eventKey),
      referring.map(({ kind }) => kind),
      referring.map(({ offset }) => offset),
    ],
  );
  const ofInteractions = expired.filter(({ kind }) => kind === eventKinds.enrichment);
  if (ofInteractions.length > 0) {
    // What is kept of an interaction's enrichments goes with the last of them, soon after the interaction.
    await tx.query(
      `delete from enrichment_rows
        where partition = $1 and tenant_id = $2 and log_offset = any($3::bigint[])`,
      [partition, tenantId, ofInteractions.map(({ offset }) => offset)],
    );
  }
}

/** Members without a record, of whom no interaction is left. By the primary key, and interaction_rows_by_member_id. */
async function removeUnseen(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  seen: readonly { readonly generation: number; readonly member_id: string | null }[],
): Promise<void> {
  const members = seen.filter(({ member_id }) => member_id !== null);
  if (members.length === 0) return;
  await tx.query(
    `delete from member_rows m
      using (select distinct generation, member_id from unnest($3::int[], $4::text[]) as k (generation, member_id)) k
      where m.partition = $1 and m.generation = k.generation and m.tenant_id = $2 and m.member_id = k.member_id
        and m.record_key is null
        and not exists (select from interaction_rows i
                         where i.tenant_id = m.tenant_id and i.member_id collate "C" = m.member_id and i.log_offset > 0
                           and i.partition = m.partition and i.generation = m.generation)`,
    [
      partition,
      tenantId,
      members.map(({ generation }) => generation),
      members.map(({ member_id }) => member_id),
    ],
  );
}
