import type { Transaction } from '@parley/database';
import type { ConversationSettings } from '../projection/conversation-rules.ts';

/** By the primary key of conversation_settings. */
const findSql = {
  name: 'find-conversation-settings',
  text: `
    select s.tenant_id as "tenantId", s.bot_id as "botId", s.effective_from as "effectiveFrom",
           s.inactivity_gap_ms as "inactivityGapMs", s.handoff_intents as "handoffIntents"
      from conversation_settings s
     where s.partition = $1 and s.tenant_id = any($2::uuid[])
     order by s.tenant_id, s.bot_id, s.effective_from`,
};

/** Everything that tenants have ever said, in the order of tenants, bots, and the times from which on it holds. */
export async function findConversationSettings(
  tx: Pick<Transaction, 'query'>,
  partition: number,
  tenantIds: readonly string[],
): Promise<readonly ConversationSettings[]> {
  if (tenantIds.length === 0) return [];
  const { rows } = await tx.query<ConversationSettings>(findSql, [partition, tenantIds]);
  return rows;
}

/**
 * Keeps settings; others of that bot that would hold from the same time on are replaced. That time must be to come, since
 * what has been counted is not counted anew.
 */
export async function addConversationSettings(
  tx: Pick<Transaction, 'query'>,
  partition: number,
  { tenantId, botId, effectiveFrom, inactivityGapMs, handoffIntents }: ConversationSettings,
): Promise<void> {
  await tx.query(
    `insert into conversation_settings
       (partition, tenant_id, bot_id, effective_from, inactivity_gap_ms, handoff_intents)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (partition, tenant_id, bot_id, effective_from)
     do update set inactivity_gap_ms = excluded.inactivity_gap_ms, handoff_intents = excluded.handoff_intents`,
    [partition, tenantId, botId, effectiveFrom, inactivityGapMs, handoffIntents],
  );
}
