import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { PositionSealer } from '@parley/access';
import type {
  AlertSchema,
  AlertService,
  WatchAlertsResponseSchema,
  WebhookDeliverySchema,
  WebhookSchema,
} from '@parley/contracts/parley/metrics/v1/alert_service';
import type { Database } from '@parley/database';
import type { EndpointRules, Sealer } from '@parley/outbound';
import { pageSizeOf, readmit, readPageToken, tenantOf, writePageToken } from '@parley/rpc';
import type { Now } from '@parley/runtime';
import { addWebhook, listDeliveries, listWebhooks, removeWebhook } from '../storage/alert-webhooks.ts';
import type { Webhook, WebhookDelivery } from '../storage/alert-webhooks.ts';
import { listAlerts } from '../storage/alerts.sql.ts';
import type { AlertRow } from '../storage/alerts.sql.ts';
import { createAlertFeed } from '../use-cases/alert-feed.ts';

export interface AlertDependencies {
  readonly db: Database;
  readonly positions: PositionSealer;
  /** Which URLs a tenant may name. */
  readonly rules: EndpointRules;
  /** Of the webhooks' secrets. */
  readonly sealer: Sealer;
  readonly newId: () => string;
  /** A secret, as text. */
  readonly newSecret: () => string;
  readonly now: Now;
}

const usualPage = 50;
const largestPage = 500;
/** More than any number. */
const fromTheStart = 2n ** 63n - 1n;

/** Answers AlertService. */
export function createAlertRoutes({
  db,
  positions,
  rules,
  sealer,
  newId,
  newSecret,
  now,
}: AlertDependencies): ServiceImpl<typeof AlertService> {
  const feed = createAlertFeed(db);

  /** What a list of these filters is asked for. The numbers of changes are sealed: they tell of other tenants' too. */
  const pageOf = (
    { pageSize, pageToken }: { readonly pageSize: number; readonly pageToken: string },
    filters: readonly string[],
  ) => {
    const [sealed] = readPageToken(pageToken, filters, 1) ?? [];
    return {
      limit: pageSizeOf(pageSize, { usual: usualPage, most: largestPage }),
      before: sealed === undefined ? fromTheStart : positions.open(sealed, 'page_token').offset,
    };
  };
  const nextToken = (
    partition: number,
    filters: readonly string[],
    rows: readonly { readonly number: bigint }[],
    limit: number,
  ): string => {
    const last = rows[limit - 1];
    if (rows.length <= limit || last === undefined) return '';
    return writePageToken(filters, [positions.seal({ partition, offset: last.number })]);
  };

  async function* watch(
    { botId, resumeToken }: { readonly botId: string; readonly resumeToken: string },
    handler: HandlerContext,
  ): AsyncGenerator<MessageInitShape<typeof WatchAlertsResponseSchema>> {
    const { partition, tenantId } = tenantOf(handler);
    const after = resumeToken === '' ? undefined : positions.open(resumeToken, 'resume_token').offset;
    const changes = feed.watch({ partition, tenantId, botId, after }, handler.signal);
    for await (const { alert, number } of changes) {
      await readmit(handler);
      yield {
        ...(alert && { alert: toAlert(alert) }),
        resumeToken: positions.seal({ partition, offset: number }),
      };
    }
  }

  return {
    async listAlerts(request, handler) {
      const tenant = tenantOf(handler);
      const { botId, openOnly } = request;
      const filters = [tenant.tenantId, botId, String(openOnly)];
      const { limit, before } = pageOf(request, filters);
      const rows = await db.withTenant(
        tenant.tenantId,
        (tx) => listAlerts(tx, tenant, { botId, isOpenOnly: openOnly, before, limit: limit + 1 }),
        { readOnly: true, byIndex: true },
      );
      return {
        alerts: rows.slice(0, limit).map(toAlert),
        nextPageToken: nextToken(tenant.partition, filters, rows, limit),
      };
    },
    watchAlerts: watch,
    async createWebhook({ url, severities }, handler) {
      const tenant = tenantOf(handler);
      await rules.check(url, 'url');
      const secret = newSecret();
      const webhook: Webhook = {
        webhookId: newId(),
        url,
        severities: severities.filter((severity) => severity === 'page' || severity === 'ticket'),
        createdAt: now(),
      };
      await db.withTenant(tenant.tenantId, (tx) => addWebhook(tx, tenant, webhook, sealer.seal(secret)));
      return { webhook: toWebhook(webhook), secret };
    },
    async listWebhooks(_request, handler) {
      const tenant = tenantOf(handler);
      const webhooks = await db.withTenant(tenant.tenantId, (tx) => listWebhooks(tx, tenant), {
        readOnly: true,
      });
      return { webhooks: webhooks.map(toWebhook) };
    },
    async deleteWebhook({ webhookId }, handler) {
      const tenant = tenantOf(handler);
      await db.withTenant(tenant.tenantId, (tx) => removeWebhook(tx, tenant, webhookId));
      return {};
    },
    async listWebhookDeliveries(request, handler) {
      const tenant = tenantOf(handler);
      const { webhookId } = request;
      const filters = [tenant.tenantId, webhookId];
      const { limit, before } = pageOf(request, filters);
      const rows = await db.withTenant(
        tenant.tenantId,
        (tx) => listDeliveries(tx, tenant, { webhookId, before, limit: limit + 1 }),
        { readOnly: true, byIndex: true },
      );
      return {
        deliveries: rows.slice(0, limit).map(toDelivery),
        nextPageToken: nextToken(tenant.partition, filters, rows, limit),
      };
    },
  };
}

function toAlert(alert: AlertRow): MessageInitShape<typeof AlertSchema> {
  const { alertId, botId, objective, severity, evidence, startedAt, endedAt } = alert;
  return {
    alertId,
    botId,
    objective,
    severity,
    evidence,
    startedAt: timestampFromDate(startedAt),
    ...(endedAt && { endedAt: timestampFromDate(endedAt) }),
  };
}

function toWebhook({
  webhookId,
  url,
  severities,
  createdAt,
}: Webhook): MessageInitShape<typeof WebhookSchema> {
  return { webhookId, url, severities: [...severities], createdAt: timestampFromDate(createdAt) };
}

function toDelivery({
  attemptedAt,
  nextAttemptAt,
  deliveryId,
  alertId,
  state,
  attemptCount,
  httpStatus,
  error,
}: WebhookDelivery): MessageInitShape<typeof WebhookDeliverySchema> {
  return {
    deliveryId,
    alertId,
    state,
    attemptCount,
    httpStatus,
    error,
    ...(attemptedAt && { attemptedAt: timestampFromDate(attemptedAt) }),
    ...(nextAttemptAt && { nextAttemptAt: timestampFromDate(nextAttemptAt) }),
  };
}
