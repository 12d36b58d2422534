import { randomUUID } from 'node:crypto';
import { openDatabase } from '@parley/database';
import type { Database, Statement } from '@parley/database';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { knownTenantsSql } from '../src/storage/alert-clock.ts';
import { dueDeliverySql, holdWebhooksSql, releaseWebhookSql } from '../src/storage/alert-deliveries.ts';
import { expiredAlertsSql, openAlertsSql } from '../src/storage/alert-store.ts';
import { deliveriesSql, webhooksSql } from '../src/storage/alert-webhooks.ts';
import {
  alertChangesSql,
  alertsOfBotSql,
  alertsOpenOfBotSql,
  alertsOpenSql,
  alertsSql,
  lastChangeSql,
} from '../src/storage/alerts.sql.ts';
import { event, inOrder } from './events.ts';
import { logger, openMetricsRows, partition } from './metrics-database.ts';

const cluster = await testCluster();

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly Plan[];
}

/** How a statement reaches each table: by which index, or that it reads all of it. */
function accessesOf(plan: Plan): string[] {
  const { 'Relation Name': table, 'Index Name': index, 'Node Type': type } = plan;
  const own =
    index !== undefined ? [index] : type === 'Seq Scan' && table !== undefined ? [`all of ${table}`] : [];
  return [...own, ...(plan.Plans ?? []).flatMap(accessesOf)];
}

/** As it is done, where no table is read whole that has an index. */
async function plan(db: Database, statement: Statement, parameters: readonly unknown[]) {
  const text = typeof statement === 'string' ? statement : statement.text;
  const { rows } = await db.transaction(
    (tx) =>
      tx.query<{ 'QUERY PLAN': readonly [{ Plan: Plan }] }>(`explain (format json) ${text}`, parameters),
    { byIndex: true },
  );
  return [...new Set(rows.flatMap((row) => accessesOf(row['QUERY PLAN'][0].Plan)))].sort();
}

test('the statements of alerts seek by the indexes that are meant', { timeout: 90_000 }, async () => {
  const { worker, fold, adminUrl } = await openMetricsRows(cluster);
  const tenants = Array.from({ length: 100 }, () => randomUUID());
  const [tenantId = ''] = tenants;
  await fold(
    inOrder(
      tenants.flatMap((tenant) =>
        Array.from({ length: 20 }, (_, n) =>
          event(
            { case: 'interaction', value: { botId: `bot-${n % 5}` } },
            {
              id: randomUUID(),
              at: new Date(Date.parse('2026-03-08T12:00:00Z') - n * 3_600_000),
              tenantId: tenant,
            },
          ),
        ),
      ),
    ),
  );
  // Of each tenant 200 alerts of 40 bots, of which a few are open, and 20 webhooks that heard of 200 each.
  await worker.query(
    `insert into alerts (partition, tenant_id, alert_id, bot_id, objective, severity, evidence, started_at, ended_at,
                         held_by, began_number, ended_number)
     select $1, t.id, gen_random_uuid(), 'bot-' || n % 40, 'success', 'page', 'It fails.',
            '2026-01-01'::timestamptz + make_interval(mins => 10 * n),
            case when n < 195 then '2026-01-01'::timestamptz + make_interval(mins => 10 * n + 9) end,
            '{3600}', 400 * t.place + 2 * n, case when n < 195 then 400 * t.place + 2 * n + 1 end
       from unnest($2::uuid[]) with ordinality as t (id, place), generate_series(1, 200) as n`,
    [partition, tenants],
  );
  await worker.query(
    `insert into webhooks (partition, tenant_id, webhook_id, url, severities, secret, created_at, due_at)
     select $1, t, gen_random_uuid(), 'https://8.8.8.8/', '{}', '', now(), case when n = 1 then now() end
       from unnest($2::uuid[]) as t, generate_series(1, 20) as n`,
    [partition, tenants],
  );
  await worker.query(
    `insert into webhook_deliveries (partition, tenant_id, delivery_id, webhook_id, alert_id, number, body, state,
                                     next_attempt_at)
     select a.partition, a.tenant_id, gen_random_uuid(), w.webhook_id, a.alert_id, a.began_number, '{}',
            case when a.ended_at is null then 'pending' else 'delivered' end,
            case when a.ended_at is null then now() end
       from alerts a join webhooks w using (partition, tenant_id)
      where a.tenant_id = any($1::uuid[])`,
    [tenants.slice(0, 5)],
  );
  const { rows } = await worker.query<{ webhookId: string }>(
    'select webhook_id as "webhookId" from webhooks where tenant_id = $1 limit 1',
    [tenantId],
  );
  const webhookId = rows[0]?.webhookId;
  const place = [partition, tenantId];
  const day = new Date('2026-03-05T00:00:00Z');

  const admin = await openDatabase({
    url: adminUrl,
    service: 'metrics',
    poolSize: 1,
    applicationName: 'test analyze',
    statementTimeoutMs: 20_000,
    logger,
  });
  await admin.query('analyze');
  await admin.close();

  // Both hold a tenant's open alerts and nothing else; the planner takes either.
  const anyOpen = expect.stringMatching(/^alerts_open(_by_number)?$/);
  const expected: readonly (readonly [Statement, readonly unknown[], readonly unknown[]])[] = [
    [knownTenantsSql, [partition, tenantId, 1, day, 20], [anyOpen, 'kpi_rollups_pkey']],
    [openAlertsSql, place, [anyOpen]],
    [alertsSql, [...place, '', 50_000, 51], ['alerts_by_number']],
    [alertsOfBotSql, [...place, 'bot-3', 50_000, 51], ['alerts_by_bot']],
    [alertsOpenSql, [...place, '', 50_000, 51], ['alerts_open_by_number']],
    [alertsOpenOfBotSql, [...place, 'bot-3', 50_000, 51], ['alerts_open']],
    [lastChangeSql, place, ['alerts_by_end', 'alerts_by_number']],
    [alertChangesSql, [...place, '', 700, 500], ['alerts_by_end', 'alerts_by_number']],
    [webhooksSql, place, ['webhooks_pkey']],
    [deliveriesSql, [...place, webhookId, 50_000, 51], ['webhook_deliveries_by_webhook']],
    [holdWebhooksSql, [16, 30], ['webhooks_due', 'webhooks_pkey']],
    [dueDeliverySql, [...place, webhookId], ['webhook_deliveries_pending']],
    [releaseWebhookSql, [...place, webhookId], ['webhook_deliveries_pending', 'webhooks_pkey']],
    [expiredAlertsSql, [new Date('2026-01-01T00:30:00Z')], ['alerts_by_age', 'alerts_pkey']],
  ];
  for (const [statement, parameters, indexes] of expected) {
    expect([statement, await plan(worker, statement, parameters)]).toEqual([statement, indexes]);
  }
});
