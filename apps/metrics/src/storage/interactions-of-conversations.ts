import { encodeInt4Array, encodeTextArray, encodeTimestampArray } from '@parley/database';
import type { ConversationFact } from '../projection/conversation-fact.ts';
import type { InteractionFact } from '../projection/facts.ts';
import { interactionMapping } from './fact-mappings.ts';
import type { RowScope } from './fact-store.ts';

const list = interactionMapping.columns.map(([name, , property]) => `f.${name} as "${property}"`).join(', ');

/** Leans on interaction_facts_by_conversation. */
const ofIdsSql = `
    select ${list}
      from unnest($4::text[]) as asked (conversation_id)
     cross join lateral (
       select * from interaction_facts f
        where f.partition = $1 and f.conversation_id = asked.conversation_id and f.conversation_id <> ''
          and f.tenant_id = $2 and f.generation = $3 and f.occurred_at is not null
       offset 0
     ) as f`;

/** Leans on interaction_facts_by_group: costs by what was said in the group meanwhile. */
const ofSessionsSql = `
    select ${list}
      from unnest($4::text[], $5::text[], $6::integer[], $7::timestamptz[], $8::timestamptz[])
             as asked (bot_id, group_id, member_ordinal, starts_at, ends_at)
     cross join lateral (
       select * from interaction_facts f
        where f.partition = $1 and f.group_id = asked.group_id and f.tenant_id = $2 and f.generation = $3
          and f.occurred_at >= asked.starts_at and f.occurred_at <= asked.ends_at and f.bot_id = asked.bot_id
          and f.member_ordinal = asked.member_ordinal and f.conversation_id = ''
       offset 0
     ) as f`;

/** The interactions of a tenant's conversations, in no order. Only where they are told anew. */
export async function findInteractionsOf(
  { tx, partition, generation }: RowScope,
  tenantId: string,
  conversations: readonly ConversationFact[],
): Promise<readonly InteractionFact[]> {
  const ids = conversations.map(({ conversationId }) => conversationId).filter((id) => id !== '');
  const sessions = conversations.flatMap(({ conversationId, memberOrdinal, ...fact }) =>
    conversationId === '' && memberOrdinal !== null ? [{ ...fact, memberOrdinal }] : [],
  );
  const ofTenant = [partition, tenantId, generation];
  const named = await tx.query<InteractionFact>(ofIdsSql, [...ofTenant, encodeTextArray(ids)]);
  const unnamed = await tx.query<InteractionFact>(ofSessionsSql, [
    ...ofTenant,
    encodeTextArray(sessions.map(({ botId }) => botId)),
    encodeTextArray(sessions.map(({ groupId }) => groupId)),
    encodeInt4Array(sessions.map(({ memberOrdinal }) => memberOrdinal)),
    encodeTimestampArray(sessions.map(({ startedAt }) => startedAt.getTime())),
    encodeTimestampArray(sessions.map(({ lastAt }) => lastAt.getTime())),
  ]);
  return [...named.rows, ...unnamed.rows];
}
