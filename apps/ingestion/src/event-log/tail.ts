import type { Database } from '@parley/database';
import { DomainError } from '@parley/errors';
import type { EventKindNumber, LogBatch, LogEvent, TailOptions } from '@parley/event';
import type { Logger } from '@parley/runtime';
import type { HeadWatch } from './head-watch.ts';
import type { RecentEvents } from './recent-events.ts';

/** Events of the log are missing. Nothing that reads them may go on as if they had never been there. */
export class LogGap extends Error {
  readonly partition: number;
  /** The first offset that is missing. */
  readonly offset: bigint;

  constructor(partition: number, offset: bigint) {
    super(`The event log has lost offset ${offset} of partition ${partition}.`);
    this.name = 'LogGap';
    this.partition = partition;
    this.offset = offset;
  }
}

export interface TailDependencies {
  /** As a role that bypasses row-level security. */
  readonly database: Database;
  readonly watch: HeadWatch;
  readonly recent: RecentEvents;
  readonly logger: Logger;
}

/** The net under the hints, which may be lost. */
const POLL_MS = 1_000;
const HEARTBEAT_MS = 5_000;
const MAX_BATCH_SIZE = 5_000;
/** What a batch may hold beyond its first event, so that long bodies can't fill the memory. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/**
 * Reads one partition without end; see `LogSource.tail`. No transaction and no connection is held while the reader is
 * busy, and nothing is read ahead of it.
 *
 * Throws `not-found` (UNKNOWN_PARTITION); `out-of-range` (OFFSET_BEYOND_HEAD); `unavailable` when the database fails;
 * LogGap, logged as an error, when an event above the low-water mark is missing.
 */
export async function* tail(
  { database, watch, recent, logger }: TailDependencies,
  { partition, afterOffset, maxBatchSize, signal }: TailOptions,
): AsyncGenerator<LogBatch, void, undefined> {
  const batchCount = Math.min(Math.max(maxBatchSize, 1), MAX_BATCH_SIZE);
  const batchSize = BigInt(batchCount);
  let after = afterOffset;
  // Times of receipt never go back, so earlier months need not be looked into.
  let receivedFrom = '-infinity';
  let spokeAt = performance.now();
  while (!signal.aborted) {
    const turn = watch.turn(partition);
    const next = recent.after(partition, after, batchCount, MAX_BATCH_BYTES);
    const newest = next?.at(-1);
    if (next !== undefined && newest !== undefined) {
      yield { events: next, headOffset: recent.head(partition) };
      after = newest.offset;
      receivedFrom = newest.receivedAt.toISOString();
      spokeAt = performance.now();
      continue;
    }
    const { head, lowWater } = await readHead(database, partition);
    if (after > head) throw beyondHead(partition, after, head);
    // What retention has dropped is passed over.
    after = after > lowWater ? after : lowWater;
    if (after < head) {
      const end = after + batchSize < head ? after + batchSize : head;
      const events = await readEvents(database, partition, after, end, receivedFrom);
      const missing = findMissing(events, after);
      if (missing !== undefined) {
        if (missing <= (await readHead(database, partition)).lowWater) continue;
        logger.error({ partition, offset: missing }, 'the event log has lost events');
        throw new LogGap(partition, missing);
      }
      yield { events, headOffset: head };
      const last = events.at(-1);
      after = last?.offset ?? after;
      receivedFrom = last?.receivedAt.toISOString() ?? receivedFrom;
      spokeAt = performance.now();
      continue;
    }
    const silentMs = performance.now() - spokeAt;
    if (silentMs >= HEARTBEAT_MS) {
      yield { events: [], headOffset: head };
      spokeAt = performance.now();
      continue;
    }
    await watch.grown(partition, turn, Math.min(POLL_MS, HEARTBEAT_MS - silentMs), signal);
  }
}

interface PartitionEnds {
  readonly head: bigint;
  readonly lowWater: bigint;
}

async function readHead(database: Database, partition: number): Promise<PartitionEnds> {
  const { rows } = await database.query<{ head_offset: bigint; low_water_offset: bigint }>(
    {
      name: 'read-head',
      text: `select head_offset, low_water_offset from partition_heads where partition = $1`,
    },
    [partition],
  );
  const [row] = rows;
  if (row === undefined) {
    throw new DomainError(`There is no partition ${partition}.`, {
      kind: 'not-found',
      reason: 'UNKNOWN_PARTITION',
      facts: { partition: String(partition) },
    });
  }
  return { head: row.head_offset, lowWater: row.low_water_offset };
}

function beyondHead(partition: number, after: bigint, head: bigint): DomainError {
  return new DomainError(`Partition ${partition} ends at offset ${head}, before ${after}.`, {
    kind: 'out-of-range',
    reason: 'OFFSET_BEYOND_HEAD',
    facts: { partition: String(partition), head_offset: String(head) },
  });
}

interface EventRow {
  readonly log_offset: bigint;
  readonly tenant_id: string;
  readonly kind: EventKindNumber;
  readonly event_key: string;
  readonly occurred_at: Date;
  readonly received_at: Date;
  readonly body: Uint8Array | null;
}

/**
 * The events after one offset up to another, less when their bodies are long. Leans on the index of offsets of each
 * month from `receivedFrom` on. Without a name, since the planner must see that time to leave the other months out.
 */
const readEventsSql = `
  select log_offset, tenant_id, kind, event_key, occurred_at, received_at, body
    from (select e.*, sum(octet_length(e.body)) over (order by e.log_offset rows unbounded preceding) as bytes
            from (select log_offset, tenant_id, kind, event_key, occurred_at, received_at, body
                    from events
                   where partition = $1 and log_offset > $2 and log_offset <= $3 and log_offset > 0
                     and received_at >= $4
                   order by log_offset) e) b
   where bytes is null or bytes - coalesce(octet_length(body), 0) < $5
   order by log_offset`;

async function readEvents(
  database: Database,
  partition: number,
  after: bigint,
  end: bigint,
  receivedFrom: string,
): Promise<readonly LogEvent[]> {
  const { rows } = await database.query<EventRow>(readEventsSql, [
    partition,
    after,
    end,
    receivedFrom,
    MAX_BATCH_BYTES,
  ]);
  return rows.map((row) => ({
    offset: row.log_offset,
    tenantId: row.tenant_id,
    kind: row.kind,
    eventKey: row.event_key,
    occurredAt: row.occurred_at,
    receivedAt: row.received_at,
    body: row.body ?? undefined,
  }));
}

/** The first offset after `after` that is missing; nothing at all is missing too. */
function findMissing(events: readonly LogEvent[], after: bigint): bigint | undefined {
  let expected = after + 1n;
  for (const { offset } of events) {
    if (offset !== expected) return expected;
    expected += 1n;
  }
  return events.length === 0 ? expected : undefined;
}
