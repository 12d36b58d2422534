import type { Database, Transaction } from '@parley/database';
import type { BurnRate, Objective } from '@parley/kpi';

/** An alert that is open, as it was judged last. */
export interface OpenAlert {
  readonly alertId: string;
  readonly botId: string;
  readonly objective: Objective['name'];
  readonly severity: BurnRate['severity'];
  readonly startedAt: Date;
  /** What was seen when it began. */
  readonly evidence: string;
  /** The long windows, in seconds, of the rules that keep it open. */
  readonly heldBy: readonly number[];
  /** Since when no rule keeps it open; null: one does. */
  readonly calmSince: Date | null;
}

/** What a judgement changes. */
export interface AlertChanges {
  readonly begun: readonly OpenAlert[];
  /** Those that stay open, where what keeps them open has changed. */
  readonly kept: readonly OpenAlert[];
  readonly ended: readonly OpenAlert[];
}

/** By alerts_open. */
export const openAlertsSql = {
  name: 'find-open-alerts',
  text: `
    select a.alert_id as "alertId", a.bot_id as "botId", a.objective, a.severity, a.started_at as "startedAt", a.evidence,
           a.held_by as "heldBy", a.calm_since as "calmSince"
      from alerts a
     where a.partition = $1 and a.tenant_id = $2 and a.ended_at is null
     order by a.bot_id, a.objective, a.severity`,
};

/** All that are open of a tenant. */
export async function findOpenAlerts(
  tx: Transaction,
  { partition, tenantId }: AlertPlace,
): Promise<readonly OpenAlert[]> {
  const { rows } = await tx.query<OpenAlert>(openAlertsSql, [partition, tenantId]);
  return rows;
}

/** Whose alerts. */
export interface AlertPlace {
  readonly partition: number;
  readonly tenantId: string;
}

const beginSql = {
  name: 'begin-alerts',
  text: `
    insert into alerts (partition, tenant_id, alert_id, bot_id, objective, severity, evidence, started_at, held_by,
                        began_number)
    select $1, $2, a."alertId", a."botId", a.objective, a.severity, a.evidence, a."startedAt", a."heldBy", a.number
      from jsonb_to_recordset($3::jsonb) as a ("alertId" uuid, "botId" text, objective text, severity text,
             evidence text, "startedAt" timestamptz, "heldBy" integer[], number bigint)`,
};
const keepSql = {
  name: 'keep-alerts',
  text: `
    update alerts a set held_by = k."heldBy", calm_since = k."calmSince"
      from jsonb_to_recordset($3::jsonb) as k ("alertId" uuid, "heldBy" integer[], "calmSince" timestamptz)
     where a.partition = $1 and a.tenant_id = $2 and a.alert_id = k."alertId"`,
};
const endSql = {
  name: 'end-alerts',
  text: `
    update alerts a set ended_at = $4, ended_number = e.number
      from jsonb_to_recordset($3::jsonb) as e ("alertId" uuid, number bigint)
     where a.partition = $1 and a.tenant_id = $2 and a.alert_id = e."alertId"`,
};

/**
 * What is to be posted, by the primary key of webhooks; each webhook hears of a change once. Those that hear of any are
 * due now.
 */
const announceSql = {
  name: 'announce-alerts',
  text: `
    with told as (
      insert into webhook_deliveries (partition, tenant_id, delivery_id, webhook_id, alert_id, number, body)
      select w.partition, w.tenant_id, gen_random_uuid(), w.webhook_id, c."alertId", c.number, c.body
        from webhooks w
        join jsonb_to_recordset($3::jsonb) as c ("alertId" uuid, severity text, number bigint, body text)
          on w.severities = '{}' or c.severity = any(w.severities)
       where w.partition = $1 and w.tenant_id = $2
      returning webhook_id
    )
    update webhooks w set due_at = least(w.due_at, clock_timestamp())
     where w.partition = $1 and w.tenant_id = $2 and w.webhook_id in (select webhook_id from told)`,
};

/**
 * Writes what a judgement changes, with what is to be posted of it. The transaction must hold the partition's clock.
 * @param firstNumber of the changes, which are numbered on from it: those that end, then those that begin.
 */
export async function writeAlertChanges(
  tx: Transaction,
  { partition, tenantId }: AlertPlace,
  { begun, kept, ended }: AlertChanges,
  { at, firstNumber }: { readonly at: Date; readonly firstNumber: bigint },
): Promise<void> {
  const place = [partition, tenantId];
  const numbered = [...ended, ...begun].map((alert, index) => ({
    ...alert,
    number: Number(firstNumber) + index,
    endedAt: index < ended.length ? at : undefined,
  }));
  const over = numbered.slice(0, ended.length);
  const fresh = numbered.slice(ended.length);
  if (kept.length > 0) await tx.query(keepSql, [...place, JSON.stringify(kept)]);
  if (over.length > 0) await tx.query(endSql, [...place, JSON.stringify(over), at]);
  if (fresh.length > 0) await tx.query(beginSql, [...place, JSON.stringify(fresh)]);
  if (numbered.length === 0) return;
  const changes = numbered.map((alert) => ({
    alertId: alert.alertId,
    severity: alert.severity,
    number: alert.number,
    body: alertBody(alert),
  }));
  await tx.query(announceSql, [...place, JSON.stringify(changes)]);
}

/** What a webhook is told. */
function alertBody({
  alertId,
  botId,
  objective,
  severity,
  evidence,
  startedAt,
  endedAt,
}: OpenAlert & { readonly endedAt: Date | undefined }): string {
  return JSON.stringify({
    type: endedAt === undefined ? 'alert.began' : 'alert.ended',
    alert: {
      alert_id: alertId,
      bot_id: botId,
      objective,
      severity,
      evidence,
      started_at: startedAt,
      ended_at: endedAt ?? null,
    },
  });
}

const mostAtOnce = 1_000;

/** By alerts_by_age; what was posted of them goes with them. */
export const expiredAlertsSql = `
  delete from alerts a
   where (a.partition, a.tenant_id, a.alert_id) in (
     select o.partition, o.tenant_id, o.alert_id from alerts o where o.ended_at < $1 order by o.ended_at limit ${mostAtOnce}
   )`;

/** Removes alerts that ended before, a thousand at most, with what was posted of them. Says whether there may be more. */
export async function removeAlerts(db: Database, endedBefore: Date): Promise<boolean> {
  const { rowCount } = await db.transaction((tx) => tx.query(expiredAlertsSql, [endedBefore]), {
    byIndex: true,
  });
  return rowCount === mostAtOnce;
}
