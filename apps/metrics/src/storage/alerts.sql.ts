import type { Transaction } from '@parley/database';
import type { AlertPlace, OpenAlert } from './alert-store.ts';

/** An alert as it is told. */
export interface AlertRow extends Pick<
  OpenAlert,
  'alertId' | 'botId' | 'objective' | 'severity' | 'evidence' | 'startedAt'
> {
  /** Null: it is open, or was when what is told happened. */
  readonly endedAt: Date | null;
  /** Of what is told: its beginning, or its end. Later changes have higher numbers. */
  readonly number: bigint;
}

type Queryable = Pick<Transaction, 'query'>;

const told =
  'a.alert_id as "alertId", a.bot_id as "botId", a.objective, a.severity, a.evidence, a.started_at as "startedAt"';

// One statement for each kind of list, so that each has the plan of its own index: a condition that may hold for all
// can't be sought by. Parameters: partition, tenant, bot, number before which to begin, how many.
function listSql(name: string, condition: string) {
  return {
    name,
    text: `
      select ${told}, a.ended_at as "endedAt", a.began_number as number from alerts a
       where a.partition = $1 and a.tenant_id = $2 and ${condition} and a.began_number < $4
       order by a.began_number desc limit $5`,
  };
}
const anyBot = "$3::text = ''";
const oneBot = 'a.bot_id = $3';
const isOpen = 'a.ended_at is null';

/** By alerts_by_number, alerts_by_bot, alerts_open_by_number and, of one bot, alerts_open. */
export const alertsSql = listSql('list-alerts', anyBot);
export const alertsOfBotSql = listSql('list-alerts-of-bot', oneBot);
export const alertsOpenSql = listSql('list-open-alerts', `${anyBot} and ${isOpen}`);
export const alertsOpenOfBotSql = listSql('list-open-alerts-of-bot', `${oneBot} and ${isOpen}`);

export interface AlertsAsked {
  /** Empty: all bots. */
  readonly botId: string;
  readonly isOpenOnly: boolean;
  /** Only those with lower numbers. */
  readonly before: bigint;
  readonly limit: number;
}

/** Alerts, the latest first; `number` is that of their beginning. */
export async function listAlerts(
  tx: Queryable,
  { partition, tenantId }: AlertPlace,
  { botId, isOpenOnly, before, limit }: AlertsAsked,
): Promise<readonly AlertRow[]> {
  const [all, ofBot] = isOpenOnly ? [alertsOpenSql, alertsOpenOfBotSql] : [alertsSql, alertsOfBotSql];
  const { rows } = await tx.query<AlertRow>(botId === '' ? all : ofBot, [
    partition,
    tenantId,
    botId,
    before,
    limit,
  ]);
  return rows;
}

/** By alerts_by_number and alerts_by_end, each at its end. */
export const lastChangeSql = {
  name: 'find-last-alert-change',
  text: `
    select greatest(
      (select max(a.began_number) from alerts a where a.partition = $1 and a.tenant_id = $2),
      (select max(a.ended_number) from alerts a
        where a.partition = $1 and a.tenant_id = $2 and a.ended_number is not null), 0) as number`,
};

/** The number of a tenant's last change; 0: there was none. */
export async function findLastChange(tx: Queryable, { partition, tenantId }: AlertPlace): Promise<bigint> {
  const { rows } = await tx.query<{ number: bigint }>(lastChangeSql, [partition, tenantId]);
  return rows[0]?.number ?? 0n;
}

/** Parameters: partition, tenant, bot, number after which to begin, how many. By alerts_by_number and alerts_by_end. */
export const alertChangesSql = {
  name: 'list-alert-changes',
  text: `
    select * from (
      (select ${told}, null::timestamptz as "endedAt", a.began_number as number from alerts a
        where a.partition = $1 and a.tenant_id = $2 and a.began_number > $4 and ($3 = '' or a.bot_id = $3)
        order by a.began_number limit $5)
      union all
      (select ${told}, a.ended_at, a.ended_number from alerts a
        where a.partition = $1 and a.tenant_id = $2 and a.ended_number > $4 and ($3 = '' or a.bot_id = $3)
        order by a.ended_number limit $5)
    ) as change
    order by number limit $5`,
};

/** What began and what ended after a change, in order, each as it was then; so many at most. */
export async function listAlertChanges(
  tx: Queryable,
  { partition, tenantId }: AlertPlace,
  { botId, after, limit }: { readonly botId: string; readonly after: bigint; readonly limit: number },
): Promise<readonly AlertRow[]> {
  const { rows } = await tx.query<AlertRow>(alertChangesSql, [partition, tenantId, botId, after, limit]);
  return rows;
}
