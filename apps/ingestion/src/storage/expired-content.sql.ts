import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Transaction } from '@parley/database';
import { eventKinds } from '@parley/event';
import type { EventKindNumber } from '@parley/event';
import { withoutTexts } from '../event-content/without-texts.ts';

export interface TenantPlace {
  readonly partition: number;
  readonly tenantId: string;
}

/** A part of the log that was gone through. */
export interface ContentStep {
  /** The last offset of it; undefined when nothing after `after` is old enough. */
  readonly through: bigint | undefined;
  /** The tenant's events in it that hold texts. */
  readonly expired: readonly ExpiredContent[];
}

export interface ExpiredContent {
  readonly offset: bigint;
  readonly receivedAt: Date;
  readonly kind: EventKindNumber;
  readonly eventKey: string;
  /** The event without its texts. */
  readonly body: Uint8Array;
}

/** Offsets gone through in one transaction; their bodies together are some 60 MiB at most, usually far below one. */
const offsetsAtOnce = 500n;

/** What takes the texts of a kind out of the read model; that there was an answer stays, as in the event. */
const omitResponse = `response_text = null, response_omitted = response_omitted or response_text is not null`;
const rowChanges: ReadonlyMap<EventKindNumber, { readonly table: string; readonly set: string }> = new Map([
  [eventKinds.interaction, { table: 'interaction_rows', set: `message_text = null, ${omitResponse}` }],
  [eventKinds.completion, { table: 'completion_rows', set: omitResponse }],
  [eventKinds.conversion, { table: 'conversion_rows', set: 'trigger_message = null, bot_message = null' }],
  [eventKinds.feedback, { table: 'feedback_rows', set: 'comment = null' }],
]);

/**
 * The next part of a partition's log, from after an offset, of what was received before a time. By the index of offsets:
 * times of receipt never go back, so what is too young ends it.
 */
export async function readExpiredContent(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  after: bigint,
  receivedBefore: Date,
): Promise<ContentStep> {
  const { rows: ends } = await tx.query<{ through: bigint | null }>(
    `select max(log_offset) as through from events
      where partition = $1 and log_offset > $2 and log_offset <= $3 and log_offset > 0 and received_at < $4`,
    [partition, after, after + offsetsAtOnce, receivedBefore],
  );
  const through = ends[0]?.through ?? undefined;
  if (through === undefined) return { through, expired: [] };
  const { rows } = await tx.query<{
    log_offset: bigint;
    received_at: Date;
    kind: EventKindNumber;
    event_key: string;
    body: Uint8Array;
  }>(
    `select log_offset, received_at, kind, event_key, body from events
      where partition = $1 and log_offset > $2 and log_offset <= $3 and log_offset > 0 and received_at < $4
        and tenant_id = $5 and kind = any($6) and body is not null
      order by log_offset`,
    [partition, after, through, receivedBefore, tenantId, [...rowChanges.keys()]],
  );
  return {
    through,
    expired: rows.flatMap((row) => {
      const emptied = withoutTexts(fromBinary(EventSchema, row.body));
      if (emptied === undefined) return [];
      const { log_offset: offset, received_at: receivedAt, kind, event_key: eventKey } = row;
      return [{ offset, receivedAt, kind, eventKey, body: toBinary(EventSchema, emptied) }];
    }),
  };
}

/**
 * Takes the texts out of events, in the log and in the read model's rows of every generation. Fingerprints go too, since
 * they are of the bytes with the texts: a late repeat is still known by its key, and answered `duplicate`.
 */
export async function removeContent(
  tx: Transaction,
  { partition, tenantId }: TenantPlace,
  expired: readonly ExpiredContent[],
): Promise<void> {
  const [first, last] = [expired[0], expired.at(-1)];
  if (first === undefined || last === undefined) return;
  await tx.query(
    `update events e set body = k.body, fingerprint = null
       from unnest($2::bigint[], $3::bytea[]) as k (log_offset, body)
      where e.partition = $1 and e.log_offset = k.log_offset and e.log_offset > 0
        and e.received_at >= $4 and e.received_at <= $5 and e.log_offset >= $6 and e.log_offset <= $7
        -- Erased since it was read.
        and e.body is not null`,
    [
      partition,
      expired.map(({ offset }) => offset),
      expired.map(({ body }) => Buffer.from(body)),
      first.receivedAt,
      last.receivedAt,
      first.offset,
      last.offset,
    ],
  );
  for (const [kind, { table, set }] of rowChanges) {
    const keys = expired.filter((event) => event.kind === kind).map(({ eventKey }) => eventKey);
    if (keys.length === 0) continue;
    // By primary key.
    await tx.query(
      `update ${table} set ${set}
        where partition = $1 and event_key = any($2::uuid[]) and tenant_id = $3`,
      [partition, keys, tenantId],
    );
  }
}
