import { encodeCopy, type CopyValue } from '@parley/database';
import { eventKeyOf } from '@parley/event';
import type { Pool } from 'pg';
import { from } from 'pg-copy-streams';
import type { BenchTenant } from './deployment.ts';
import { fingerprintOf, type TrafficEvent } from './traffic.ts';

/** The limit named `copy.stream`: the rows of the log, encoded beforehand, by one COPY into a table of the same layout. */
export interface CopyLimit {
  /** Writes the rows into the empty table; rows a second. */
  measure(encoded: EncodedRows): Promise<number>;
}

export interface EncodedRows {
  readonly bytes: Buffer;
  readonly count: number;
}

const columns = [
  ['log_offset', 'int8'],
  ['fingerprint', 'int8'],
  ['occurred_at', 'timestamptz'],
  ['received_at', 'timestamptz'],
  ['tenant_id', 'uuid'],
  ['event_key', 'uuid'],
  ['partition', 'int4'],
  ['kind', 'int2'],
  ['body', 'bytea'],
] as const;

/** The rows that the log would hold of these events. */
export function encodeRows(
  parts: readonly {
    readonly tenant: Pick<BenchTenant, 'tenantId' | 'partition'>;
    readonly events: readonly TrafficEvent[];
  }[],
  receivedAt: Date,
): EncodedRows {
  const offsets = new Map<number, bigint>();
  const rows = parts.flatMap(({ tenant: { partition, tenantId }, events }) =>
    events.map(({ eventId, occurredAt, kind, body }): CopyValue[] => {
      const offset = (offsets.get(partition) ?? 0n) + 1n;
      offsets.set(partition, offset);
      return [
        offset,
        fingerprintOf(body),
        occurredAt,
        receivedAt,
        tenantId,
        eventKeyOf(eventId),
        partition,
        kind,
        body,
      ];
    }),
  );
  return {
    bytes: encodeCopy(
      columns.map(([, type]) => type),
      rows,
    ),
    count: rows.length,
  };
}

/** Makes the table: by month, each month with the log's two unique indexes. */
export async function createCopyLimit(admin: Pool): Promise<CopyLimit> {
  await admin.query(`
    create schema copy_limit;
    create table copy_limit.events (like ingestion.events including defaults including constraints)
      partition by range (received_at);
    create table copy_limit.events_before partition of copy_limit.events
      for values from (minvalue) to ('2000-01-01Z');
    create table copy_limit.events_now partition of copy_limit.events for values from ('2000-01-01Z') to (maxvalue);
    create unique index events_now_offset on copy_limit.events_now (partition, log_offset) where log_offset > 0;
    create unique index events_now_key on copy_limit.events_now (partition, tenant_id, kind, event_key);
  `);
  return {
    async measure({ bytes, count }) {
      await admin.query('truncate copy_limit.events');
      await admin.query('checkpoint');
      const client = await admin.connect();
      try {
        const startedAt = performance.now();
        const names = columns.map(([name]) => name).join(', ');
        const stream = client.query(from(`copy copy_limit.events (${names}) from stdin (format binary)`));
        await new Promise<void>((resolve, reject) => {
          stream.once('error', reject);
          stream.once('finish', resolve);
          stream.end(bytes);
        });
        if (stream.rowCount !== count) throw new Error(`COPY wrote ${stream.rowCount} rows of ${count}.`);
        return count / ((performance.now() - startedAt) / 1_000);
      } finally {
        client.release();
      }
    },
  };
}
