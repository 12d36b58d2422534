import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { AlertService } from '@parley/contracts/parley/metrics/v1/alert_service';
import type { Webhook, WebhookDelivery } from '@parley/contracts/parley/metrics/v1/alert_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

export interface WebhooksOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

const severities: readonly string[] = ['page', 'ticket'];

/** `parley webhooks add URL`: prints its secret, which is never shown again. */
export async function addWebhookCommand(
  session: Session,
  url: string,
  { tenant, json, severity }: WebhooksOptions & { readonly severity?: string },
): Promise<ExitCode> {
  if (severity !== undefined && !severities.includes(severity))
    throw new UsageError(`--severity is page or ticket; not ${severity}.`);
  const { webhook, secret } = await session
    .client(AlertService, 'metrics', tenant)
    .createWebhook({ url, severities: severity === undefined ? [] : [severity] }, { signal: session.signal });
  if (webhook === undefined) throw new Error('The answer holds no webhook.');
  const shown = { ...webhookJson(webhook), secret };
  if (json) printJson(session.stdout, shown);
  else {
    session.stdout.write(
      `${shown.webhook_id}\nIts secret, by which posts are signed, is shown only now:\n${secret}\n`,
    );
  }
  return exitCode.done;
}

/** `parley webhooks list`. */
export async function listWebhooksCommand(
  session: Session,
  { tenant, json }: WebhooksOptions,
): Promise<ExitCode> {
  const { webhooks } = await session
    .client(AlertService, 'metrics', tenant)
    .listWebhooks({}, { signal: session.signal });
  const listed = webhooks.map(webhookJson);
  if (json) printJson(session.stdout, { webhooks: listed });
  else {
    printTable(
      session.stdout,
      ['id', 'added', 'severities', 'url'],
      listed.map((it) => [it.webhook_id, it.created_at ?? '', it.severities.join(', ') || 'all', it.url]),
    );
  }
  return exitCode.done;
}

/** `parley webhooks remove ID`. */
export async function removeWebhookCommand(
  session: Session,
  webhookId: string,
  { tenant, json }: WebhooksOptions,
): Promise<ExitCode> {
  await session
    .client(AlertService, 'metrics', tenant)
    .deleteWebhook({ webhookId }, { signal: session.signal });
  if (json) printJson(session.stdout, { removed: webhookId });
  else session.stdout.write('Removed.\n');
  return exitCode.done;
}

/** `parley webhooks deliveries ID`: the latest first. */
export async function listDeliveriesCommand(
  session: Session,
  webhookId: string,
  { tenant, json, limit: limitText = '50' }: WebhooksOptions & { readonly limit?: string },
): Promise<ExitCode> {
  if (!/^[1-9]\d{0,2}$/.test(limitText))
    throw new UsageError('--limit must be a whole number from 1 to 999.');
  const limit = Number(limitText);
  const client = session.client(AlertService, 'metrics', tenant);
  const deliveries: WebhookDelivery[] = [];
  let pageToken = '';
  do {
    const request = { webhookId, pageSize: limit - deliveries.length, pageToken };
    const page = await client.listWebhookDeliveries(request, { signal: session.signal });
    deliveries.push(...page.deliveries);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && deliveries.length < limit);
  const listed = deliveries.map(deliveryJson);
  if (json) printJson(session.stdout, { deliveries: listed });
  else {
    printTable(
      session.stdout,
      ['id', 'alert', 'state', 'attempts', 'last', 'next', 'status', 'error'],
      listed.map((it) => [
        it.delivery_id,
        it.alert_id,
        it.state,
        String(it.attempt_count),
        it.attempted_at ?? '',
        it.next_attempt_at ?? '',
        it.http_status === 0 ? '' : String(it.http_status),
        it.error,
      ]),
    );
  }
  return exitCode.done;
}

function webhookJson({ webhookId, url, severities: only, createdAt }: Webhook) {
  return { webhook_id: webhookId, url, severities: only, created_at: isoOf(createdAt) };
}

function deliveryJson(delivery: WebhookDelivery) {
  const { deliveryId, alertId, state, attemptCount, httpStatus, error, attemptedAt, nextAttemptAt } =
    delivery;
  return {
    delivery_id: deliveryId,
    alert_id: alertId,
    state,
    attempt_count: attemptCount,
    http_status: httpStatus,
    error,
    attempted_at: isoOf(attemptedAt),
    next_attempt_at: isoOf(nextAttemptAt),
  };
}

function isoOf(time: Timestamp | undefined): string | null {
  return time ? timestampDate(time).toISOString() : null;
}
