import type { Transaction } from '@parley/database';
import { DomainError } from '@parley/errors';
import type { BurnRate } from '@parley/kpi';
import type { AlertPlace } from './alert-store.ts';

/** Where a tenant's alerts are posted to. */
export interface Webhook {
  readonly webhookId: string;
  readonly url: string;
  /** Only these; empty: all. */
  readonly severities: readonly BurnRate['severity'][];
  readonly createdAt: Date;
}

type Queryable = Pick<Transaction, 'query'>;

/** A tenant has no more at a time. */
export const mostWebhooks = 20;

/** By the primary key of webhooks. */
export const webhooksSql = {
  name: 'list-webhooks',
  text: `
    select w.webhook_id as "webhookId", w.url, w.severities, w.created_at as "createdAt"
      from webhooks w where w.partition = $1 and w.tenant_id = $2
     order by w.created_at desc, w.webhook_id`,
};

/** A tenant's webhooks, the latest first. */
export async function listWebhooks(
  tx: Queryable,
  { partition, tenantId }: AlertPlace,
): Promise<readonly Webhook[]> {
  const { rows } = await tx.query<Webhook>(webhooksSql, [partition, tenantId]);
  return rows;
}

/**
 * Adds one. Those that are added for a tenant at the same time wait for each other.
 * @throws DomainError `resource-exhausted` (TOO_MANY_WEBHOOKS) where there are 20.
 */
export async function addWebhook(
  tx: Queryable,
  { partition, tenantId }: AlertPlace,
  { webhookId, url, severities, createdAt }: Webhook,
  secret: Uint8Array,
): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`parley webhooks of ${tenantId}`]);
  const { rowCount } = await tx.query(
    `insert into webhooks (partition, tenant_id, webhook_id, url, severities, secret, created_at)
     select $1, $2, $3, $4, $5, $6, $7
      where (select count(*) from webhooks w where w.partition = $1 and w.tenant_id = $2) < $8`,
    [partition, tenantId, webhookId, url, severities, secret, createdAt, mostWebhooks],
  );
  if (rowCount === 1) return;
  throw new DomainError(`There are ${mostWebhooks} webhooks, which is the most; remove one first.`, {
    kind: 'resource-exhausted',
    reason: 'TOO_MANY_WEBHOOKS',
    facts: { limit: String(mostWebhooks) },
  });
}

/** Removes one with all that was or is to be posted to it. @throws DomainError `not-found`. */
export async function removeWebhook(
  tx: Queryable,
  { partition, tenantId }: AlertPlace,
  webhookId: string,
): Promise<void> {
  const { rowCount } = await tx.query(
    'delete from webhooks w where w.partition = $1 and w.tenant_id = $2 and w.webhook_id = $3',
    [partition, tenantId, webhookId],
  );
  if (rowCount === 0) throw noWebhook(webhookId);
}

/** A post and how it went. */
export interface WebhookDelivery {
  readonly deliveryId: string;
  readonly alertId: string;
  /** Of the change that it tells of: later ones have higher numbers. */
  readonly number: bigint;
  readonly state: 'pending' | 'delivered' | 'failed';
  readonly attemptCount: number;
  /** 0: there was none. */
  readonly httpStatus: number;
  readonly error: string;
  readonly attemptedAt: Date | null;
  readonly nextAttemptAt: Date | null;
}

/** Parameters: partition, tenant, webhook, the number before which to begin, how many. By webhook_deliveries_by_webhook. */
export const deliveriesSql = {
  name: 'list-webhook-deliveries',
  text: `
    select d.delivery_id as "deliveryId", d.alert_id as "alertId", d.number, d.state, d.attempt_count as "attemptCount",
           d.http_status as "httpStatus", d.error, d.attempted_at as "attemptedAt", d.next_attempt_at as "nextAttemptAt"
      from webhook_deliveries d
     where d.partition = $1 and d.tenant_id = $2 and d.webhook_id = $3 and d.number < $4
     order by d.number desc
     limit $5`,
};

/** What was or is to be posted to a webhook, the latest first. @throws DomainError `not-found`. */
export async function listDeliveries(
  tx: Queryable,
  { partition, tenantId }: AlertPlace,
  { webhookId, before, limit }: { webhookId: string; before: bigint; limit: number },
): Promise<readonly WebhookDelivery[]> {
  const { rowCount } = await tx.query(
    'select from webhooks w where w.partition = $1 and w.tenant_id = $2 and w.webhook_id = $3',
    [partition, tenantId, webhookId],
  );
  if (rowCount === 0) throw noWebhook(webhookId);
  const { rows } = await tx.query<WebhookDelivery>(deliveriesSql, [
    partition,
    tenantId,
    webhookId,
    before,
    limit,
  ]);
  return rows;
}

function noWebhook(webhookId: string): DomainError {
  return new DomainError(`There is no webhook ${webhookId}.`, {
    kind: 'not-found',
    reason: 'WEBHOOK_NOT_FOUND',
  });
}
