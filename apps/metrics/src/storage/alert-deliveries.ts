import type { Database } from '@parley/database';
import type { AlertPlace } from './alert-store.ts';

/** A webhook to which something is to be posted; nobody else posts to it for half a minute. */
export interface HeldWebhook extends AlertPlace {
  readonly webhookId: string;
  readonly url: string;
  /** Sealed. */
  readonly secret: Uint8Array;
  /** Of this holder alone. */
  readonly holdNumber: bigint;
}

/** Something to be posted. */
export interface DueDelivery {
  readonly deliveryId: string;
  readonly body: string;
  /** How often it was tried before. */
  readonly attemptCount: number;
}

/** How an attempt went. */
export interface Attempt {
  readonly deliveryId: string;
  /** `failed`: it is not tried again; `pending`: it is, unless it has been tried for a day. */
  readonly state: 'delivered' | 'failed' | 'pending';
  /** 0: there was none. */
  readonly httpStatus: number;
  /** In words; empty: none. */
  readonly error: string;
  /** After which it is tried again. */
  readonly retryMs: number;
}

// Times are the database's, so that the processes' clocks need not agree.
const holdSeconds = 30;
const triedHours = 24;

/** By webhooks_due. */
export const holdWebhooksSql = `
  update webhooks w
     set held_until = clock_timestamp() + make_interval(secs => $2), hold_number = w.hold_number + 1
    from (select d.partition, d.tenant_id, d.webhook_id from webhooks d
           where d.due_at <= clock_timestamp() and (d.held_until is null or d.held_until < clock_timestamp())
           order by d.due_at limit $1 for update skip locked) as due
   where w.partition = due.partition and w.tenant_id = due.tenant_id and w.webhook_id = due.webhook_id
  returning w.partition, w.tenant_id as "tenantId", w.webhook_id as "webhookId", w.url, w.secret,
            w.hold_number as "holdNumber"`;

/** Takes webhooks to which something is due and nobody posts, those that wait longest first. */
export async function holdWebhooks(db: Database, limit: number): Promise<readonly HeldWebhook[]> {
  const { rows } = await db.transaction(
    (tx) => tx.query<HeldWebhook>(holdWebhooksSql, [limit, holdSeconds]),
    { byIndex: true },
  );
  return rows;
}

/** What may be posted next: of each alert only the first that is waiting. */
const heads = `
  from webhook_deliveries d
 where d.partition = $1 and d.tenant_id = $2 and d.webhook_id = $3 and d.state = 'pending'
   and not exists (select from webhook_deliveries e
                    where e.partition = $1 and e.tenant_id = $2 and e.webhook_id = $3 and e.state = 'pending'
                      and e.alert_id = d.alert_id and e.number < d.number)`;

/** By webhook_deliveries_pending. */
export const dueDeliverySql = {
  name: 'find-due-delivery',
  text: `
    select d.delivery_id as "deliveryId", d.body, d.attempt_count as "attemptCount" ${heads}
       and d.next_attempt_at <= clock_timestamp()
     order by d.number limit 1`,
};

/** The first that is due to a webhook; undefined when none is. */
export async function findDueDelivery(
  db: Database,
  { partition, tenantId, webhookId }: HeldWebhook,
): Promise<DueDelivery | undefined> {
  const { rows } = await db.transaction(
    (tx) => tx.query<DueDelivery>(dueDeliverySql, [partition, tenantId, webhookId]),
    { readOnly: true, byIndex: true },
  );
  return rows[0];
}

/** By the primary key of webhook_deliveries. */
const recordSql = {
  name: 'record-delivery-attempt',
  text: `
    update webhook_deliveries d
       set state = next.state, attempt_count = d.attempt_count + 1, http_status = $5, error = $6,
           attempted_at = clock_timestamp(),
           next_attempt_at = case next.state when 'pending' then next.at end
      from (select o.delivery_id, clock_timestamp() + make_interval(secs => $7) as at,
                   case when $4 = 'pending' and clock_timestamp() + make_interval(secs => $7)
                                                > o.created_at + interval '${triedHours} hours'
                        then 'failed' else $4 end as state
              from webhook_deliveries o
             where o.partition = $1 and o.tenant_id = $2 and o.delivery_id = $3) as next
     where d.partition = $1 and d.tenant_id = $2 and d.delivery_id = next.delivery_id`,
};

/** By webhook_deliveries_pending. */
export const releaseWebhookSql = {
  name: 'release-webhook',
  text: `
    update webhooks w set held_until = null, due_at = (select min(d.next_attempt_at) ${heads})
     where w.partition = $1 and w.tenant_id = $2 and w.webhook_id = $3`,
};

/**
 * Notes how an attempt went, if there was one, and lets the webhook go. Nothing is noted when somebody else holds it by
 * now or it was removed: then it is tried again, or nobody wants to know.
 */
export async function releaseWebhook(
  db: Database,
  { partition, tenantId, webhookId, holdNumber }: HeldWebhook,
  attempt: Attempt | undefined,
): Promise<void> {
  const place = [partition, tenantId];
  await db.transaction(
    async (tx) => {
      // Locked first: what is announced meanwhile is then seen by the statements after it, or comes after them.
      const { rowCount } = await tx.query(
        `select from webhooks w
        where w.partition = $1 and w.tenant_id = $2 and w.webhook_id = $3 and w.hold_number = $4 for update`,
        [...place, webhookId, holdNumber],
      );
      if (rowCount === 0) return;
      if (attempt !== undefined) {
        const { deliveryId, state, httpStatus, error, retryMs } = attempt;
        await tx.query(recordSql, [...place, deliveryId, state, httpStatus, error, retryMs / 1_000]);
      }
      await tx.query(releaseWebhookSql, [...place, webhookId]);
    },
    { byIndex: true },
  );
}
