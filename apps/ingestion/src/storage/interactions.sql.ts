import type { JsonObject } from '@bufbuild/protobuf';
import type { Transaction } from '@parley/database';
import type { Reading } from '../event-content/reading.ts';

/** Whose rows, and which set of them. */
export interface InteractionScope {
  readonly partition: number;
  readonly generation: number;
  readonly tenantId: string;
}

export interface InteractionFilter {
  readonly botId: string | undefined;
  readonly groupId: string | undefined;
  readonly memberId: string | undefined;
  readonly conversationId: string | undefined;
  readonly intent: string | undefined;
  /** Inclusive. */
  readonly windowStart: Date | undefined;
  /** Exclusive. */
  readonly windowEnd: Date | undefined;
}

/** Where a page ended. */
export interface InteractionCursor {
  readonly occurredAt: Date;
  readonly interactionId: string;
}

/** An interaction with its completion's answer in place of its own. */
export interface InteractionRow {
  readonly interaction_id: string;
  readonly occurred_at: Date;
  readonly received_at: Date;
  /** What the producer's clock said, where that was corrected. */
  readonly reported_at: Date | null;
  readonly bot_id: string;
  readonly group_id: string | null;
  readonly member_id: string | null;
  readonly conversation_id: string | null;
  readonly channel: string | null;
  readonly message_text: string | null;
  readonly intent: string | null;
  readonly intent_score: number | null;
  readonly sentiment: string | null;
  readonly response_text: string | null;
  /** It was answered, but by no text that is kept. */
  readonly response_omitted: boolean;
  readonly response_time_ms: number | null;
  readonly error_code: string | null;
  readonly attributes: JsonObject | null;
  /** What a model read of it. */
  readonly understanding: Reading | null;
  readonly completed_at: Date | null;
  readonly monetization_event: boolean;
}

/** Whether an interaction `i` with its completion `c` was answered by no text that is kept. */
export const isResponseOmitted = `(coalesce(c.response_text, i.response_text) is null
           and (i.response_omitted or coalesce(c.response_omitted, false)))`;

/** What came of the interactions in `found`: looked up for these rows alone, both by index. */
const withOutcome = `
  select i.interaction_id, i.occurred_at, i.received_at, i.reported_at, i.bot_id, i.group_id, i.member_id, i.conversation_id, i.channel,
         i.message_text, i.intent, i.intent_score, i.sentiment,
         coalesce(c.response_text, i.response_text) as response_text,
         ${isResponseOmitted} as response_omitted,
         coalesce(c.response_time_ms, i.response_time_ms) as response_time_ms,
         coalesce(c.error_code, i.error_code) as error_code,
         i.attributes, i.understanding, c.received_at as completed_at,
         exists (select from conversion_rows v
                  where v.partition = $1 and v.generation = $2 and v.tenant_id = $3
                    and v.interaction_key = i.event_key and v.value_minor_units > 0) as monetization_event
    from found i
    left join lateral (select * from completion_rows c
                        where c.partition = $1 and c.generation = $2 and c.tenant_id = $3
                          and c.event_key = i.event_key limit 1) c on true`;

/** One interaction by the key of its id; undefined when there is none. By the primary key. */
export async function findInteraction(
  tx: Transaction,
  { partition, generation, tenantId }: InteractionScope,
  eventKey: string,
): Promise<InteractionRow | undefined> {
  const { rows } = await tx.query<InteractionRow>(
    `with found as (
       select * from interaction_rows
        where partition = $1 and generation = $2 and tenant_id = $3 and event_key = $4
     ) ${withOutcome}`,
    [partition, generation, tenantId, eventKey],
  );
  return rows[0];
}

/**
 * The latest interactions first, ties in the order of their ids, from after a cursor. By index interaction_rows_by_time or
 * interaction_rows_by_<filter>, whichever the planner takes for the most selective; they ask for the condition on the offset.
 */
export async function listInteractions(
  tx: Transaction,
  { partition, generation, tenantId }: InteractionScope,
  filter: InteractionFilter,
  after: InteractionCursor | undefined,
  limit: number,
): Promise<readonly InteractionRow[]> {
  const parameters: unknown[] = [partition, generation, tenantId, limit];
  const conditions = ['partition = $1', 'generation = $2', 'tenant_id = $3', 'log_offset > 0'];
  const require = (condition: (parameter: string) => string, value: unknown): void => {
    if (value === undefined) return;
    parameters.push(value);
    conditions.push(condition(`$${parameters.length}`));
  };
  require((value) => `bot_id collate "C" = ${value}`, filter.botId);
  require((value) => `group_id collate "C" = ${value}`, filter.groupId);
  require((value) => `member_id collate "C" = ${value}`, filter.memberId);
  require((value) => `conversation_id collate "C" = ${value}`, filter.conversationId);
  require((value) => `intent collate "C" = ${value}`, filter.intent);
  require((value) => `occurred_at >= ${value}`, filter.windowStart);
  require((value) => `occurred_at < ${value}`, filter.windowEnd);
  if (after !== undefined) {
    parameters.push(after.occurredAt, after.interactionId);
    const [at, id] = [`$${parameters.length - 1}`, `$${parameters.length}`];
    // The first half is what the index can begin at.
    conditions.push(`occurred_at <= ${at}`, `(occurred_at < ${at} or interaction_id > ${id})`);
  }
  const { rows } = await tx.query<InteractionRow>(
    `with found as (
       select * from interaction_rows
        where ${conditions.join(' and ')}
        order by occurred_at desc, interaction_id
        limit $4
     ) ${withOutcome}
     order by i.occurred_at desc, i.interaction_id`,
    parameters,
  );
  return rows;
}
