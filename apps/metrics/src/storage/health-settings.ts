import type { Transaction } from '@parley/database';
import type { HealthRule } from '@parley/kpi';

/** What a tenant has said of how a bot is judged; what is null it has not. */
export type HealthSettings = { readonly [Part in keyof HealthRule]: HealthRule[Part] | null } & {
  /** Empty: all bots. */
  readonly botId: string;
};

/** By the primary key of health_settings. */
const findSql = {
  name: 'find-health-settings',
  text: `
    select s.bot_id as "botId", s.success_target as "successTarget", s.latency_target as "latencyTarget",
           s.latency_threshold_ms as "latencyThresholdMs", s.min_sample_size as "minSampleSize"
      from health_settings s
     where s.partition = $1 and s.tenant_id = $2
     order by s.bot_id`,
};

/** Everything that a tenant has said, in the order of bots. */
export async function findHealthSettings(
  tx: Pick<Transaction, 'query'>,
  { partition, tenantId }: { readonly partition: number; readonly tenantId: string },
): Promise<readonly HealthSettings[]> {
  const { rows } = await tx.query<HealthSettings>(findSql, [partition, tenantId]);
  return rows;
}

/** Keeps what a tenant says of a bot in place of what it said before; where it says nothing, nothing is kept. */
export async function saveHealthSettings(
  tx: Pick<Transaction, 'query'>,
  { partition, tenantId }: { readonly partition: number; readonly tenantId: string },
  { botId, successTarget, latencyTarget, latencyThresholdMs, minSampleSize }: HealthSettings,
): Promise<void> {
  const parts = [successTarget, latencyTarget, latencyThresholdMs, minSampleSize];
  if (parts.every((part) => part === null)) {
    await tx.query(
      'delete from health_settings s where s.partition = $1 and s.tenant_id = $2 and s.bot_id = $3',
      [partition, tenantId, botId],
    );
    return;
  }
  await tx.query(
    `insert into health_settings
       (partition, tenant_id, bot_id, success_target, latency_target, latency_threshold_ms, min_sample_size)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (partition, tenant_id, bot_id)
     do update set success_target = excluded.success_target, latency_target = excluded.latency_target,
                   latency_threshold_ms = excluded.latency_threshold_ms, min_sample_size = excluded.min_sample_size`,
    [partition, tenantId, botId, ...parts],
  );
}
