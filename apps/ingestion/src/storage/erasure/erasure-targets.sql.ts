import type { Database } from '@parley/database';
import type { EventKeys, EventKindNumber } from '@parley/event';
import type { OpenErasure } from './open-erasures.sql.ts';

/** Which of these events go with an erasure. */
export async function findTargets(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  kind: EventKindNumber,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set();
  const { rows } = await worker.query<{ event_key: string }>(
    `select event_key from erasure_targets
      where partition = $1 and tenant_id = $2 and receipt_id = $3 and kind = $4 and event_key = any($5::uuid[])`,
    [partition, tenantId, receiptId, kind, keys],
  );
  return new Set(rows.map((row) => row.event_key));
}

export async function readUsers(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
): Promise<readonly string[]> {
  const { rows } = await worker.query<{ user_id: string }>(
    `select user_id from erasure_users
      where partition = $1 and tenant_id = $2 and receipt_id = $3 order by user_id`,
    [partition, tenantId, receiptId],
  );
  return rows.map(({ user_id }) => user_id);
}

/** A page of an erasure's events in the order of kind and key, from after one. */
export async function readTargets(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
  after: { readonly kind: number; readonly eventKey: string } | undefined,
  limit: number,
): Promise<readonly { readonly kind: number; readonly eventKey: string }[]> {
  const { rows } = await worker.query<{ kind: number; eventKey: string }>(
    `select kind, event_key as "eventKey" from erasure_targets
      where partition = $1 and tenant_id = $2 and receipt_id = $3
        and ($4::smallint is null or (kind, event_key) > ($4, $5::uuid))
      order by kind, event_key limit $6`,
    [partition, tenantId, receiptId, after?.kind, after?.eventKey, limit],
  );
  return rows;
}

export async function countTargets(
  worker: Database,
  { partition, tenantId, receiptId }: OpenErasure,
): Promise<number> {
  const { rows } = await worker.query<{ n: bigint }>(
    'select count(*) as n from erasure_targets where partition = $1 and tenant_id = $2 and receipt_id = $3',
    [partition, tenantId, receiptId],
  );
  return Number(rows[0]?.n ?? 0n);
}

/** Some of an erasure's events by kind. */
export function byKind(targets: readonly { readonly kind: number; readonly eventKey: string }[]): EventKeys {
  const events = new Map<number, string[]>();
  for (const { kind, eventKey } of targets) {
    const keys = events.get(kind);
    if (keys === undefined) events.set(kind, [eventKey]);
    else keys.push(eventKey);
  }
  return events;
}
