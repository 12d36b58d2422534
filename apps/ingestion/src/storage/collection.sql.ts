import type { Transaction } from '@parley/database';
import { collectedKinds } from './collection-counts.ts';
import type { InteractionScope } from './interactions.sql.ts';

// What the collection doctor asks: one question, one statement each, in the caller's transaction, its cost bounded
// whatever the tenant has sent.

/** Half-open. */
export interface ExaminedWindow {
  readonly start: Date;
  readonly end: Date;
}

/** Bots looked at, and the latest events of each: what bounds the cost. */
export const mostBots = 200;
export const mostEvents = 10_000;
const mostIntents = 20;

const own = (row: string) =>
  `${row}.partition = $1 and ${row}.generation = $2 and ${row}.tenant_id = $3 and ${row}.log_offset > 0`;

/**
 * A bot's latest interactions in the window; by index interaction_rows_by_bot_id. Those that a clock put ahead of the
 * window's end, a day at most, belong to it.
 */
const latestOf = (bots: string, columns: string) => `
  unnest(${bots}::text[]) as b (bot_id)
  cross join lateral (
    select ${columns} from interaction_rows i
     where ${own('i')} and i.bot_id collate "C" = b.bot_id and i.occurred_at >= $5
       and i.occurred_at < $6::timestamptz + interval '1 day'
       and (i.occurred_at < $6 or i.received_at < $6)
     order by i.occurred_at desc
     limit ${mostEvents}
  ) i`;

export interface KnownBot {
  readonly bot_id: string;
  /** Of its latest interaction. */
  readonly occurred_at: Date;
  readonly received_at: Date;
}

/** The tenant's bots, each with its latest interaction: a jump from bot to bot in index interaction_rows_by_bot_id. */
export async function listBots(
  tx: Transaction,
  { partition, generation, tenantId }: InteractionScope,
  botId: string | undefined,
): Promise<readonly KnownBot[]> {
  // The condition must be one on bot_id that null does not fulfil: that it is not null is known to Postgres, which then
  // takes no index that asks for it.
  const next = (condition: string) => `
    (select i.bot_id, i.occurred_at, i.received_at from interaction_rows i
      where ${own('i')} ${condition}
      order by i.bot_id collate "C", i.occurred_at desc limit 1)`;
  const parameters = [partition, generation, tenantId];
  if (botId !== undefined) {
    const { rows } = await tx.query<KnownBot>(next('and i.bot_id collate "C" = $4'), [...parameters, botId]);
    return rows;
  }
  const { rows } = await tx.query<KnownBot>(
    `with recursive bots as (
       ${next(`and i.bot_id collate "C" > ''`)}
       union all
       select n.* from bots b cross join lateral ${next('and i.bot_id collate "C" > b.bot_id')} n
     )
     select * from bots limit ${mostBots}`,
    parameters,
  );
  return rows;
}

export interface BotFigures {
  readonly bot_id: string;
  readonly events: bigint;
  readonly without_member: bigint;
  readonly without_conversation: bigint;
  /** The producer gave none. */
  readonly without_intent: bigint;
  /** Nor did a model read one from the text. */
  readonly unread_intent: bigint;
  readonly without_message: bigint;
  readonly skew_ms: number | null;
  readonly future: bigint;
  /** The median of how far those are ahead. */
  readonly future_ms: number | null;
  readonly ancient: bigint;
  readonly uncompleted: bigint;
}

const isFuture = `i.occurred_at > i.received_at + interval '1 minute'`;

/** What each bot's latest events lack, and how their clocks are. Completions by primary key, where one is missed. */
export async function countFigures(
  tx: Transaction,
  { partition, generation, tenantId }: InteractionScope,
  bots: readonly string[],
  { start, end }: ExaminedWindow,
  now: Date,
): Promise<readonly BotFigures[]> {
  const { rows } = await tx.query<BotFigures>(
    `select b.bot_id, count(*) as events,
            count(*) filter (where i.member_id is null) as without_member,
            count(*) filter (where i.conversation_id is null) as without_conversation,
            count(*) filter (where not i.intent_given) as without_intent,
            count(*) filter (where i.intent is null) as unread_intent,
            count(*) filter (where i.message_text is null) as without_message,
            percentile_cont(0.5) within group (order by extract(epoch from i.received_at - i.sent_at) * 1000)
              as skew_ms,
            count(*) filter (where ${isFuture}) as future,
            percentile_cont(0.5) within group (order by extract(epoch from i.occurred_at - i.received_at) * 1000)
              filter (where ${isFuture}) as future_ms,
            count(*) filter (where i.occurred_at < i.received_at - interval '7 days') as ancient,
            count(*) filter (where case
              when i.is_answered or i.received_at > $7::timestamptz - interval '1 hour' then false
              else not exists (select from completion_rows c
                                where c.partition = $1 and c.generation = $2 and c.tenant_id = $3
                                  and c.event_key = i.event_key) end) as uncompleted
       from ${latestOf('$4', `i.*, i.response_omitted or coalesce(i.response_text, i.response_time_ms::text, i.error_code) is not null as is_answered`)}
      group by b.bot_id`,
    [partition, generation, tenantId, bots, start, end, now],
  );
  return rows;
}

export interface UnknownIntents {
  readonly bot_id: string;
  /** The most frequent first. */
  readonly intents: readonly string[];
  /** How often each is. */
  readonly counts: readonly number[];
}

/**
 * The intents that each bot gave with its latest events, that are neither among the known ones nor the tenant's active
 * model's; the most frequent first.
 */
export async function listUnknownIntents(
  tx: Transaction,
  { partition, generation, tenantId }: InteractionScope,
  bots: readonly string[],
  { start, end }: ExaminedWindow,
  known: readonly string[],
): Promise<readonly UnknownIntents[]> {
  const { rows } = await tx.query<UnknownIntents>(
    `with model as materialized (
       select coalesce(min(m.intents), '{}') as intents
         from language_settings s
         join intent_models m on m.partition = s.partition and m.tenant_id = s.tenant_id
                             and m.version = s.active_version
        where s.partition = $1 and s.tenant_id = $3
     )
     select bot_id, array_agg(intent order by place) as intents, array_agg(events order by place) as counts
       from (select b.bot_id, i.intent, count(*)::int as events,
                    row_number() over (partition by b.bot_id order by count(*) desc, i.intent collate "C") as place
               from ${latestOf('$4', 'i.intent, i.intent_given')}
              where i.intent_given and i.intent <> all($7::text[] || (select intents from model))
              group by b.bot_id, i.intent) counted
      where place <= ${mostIntents}
      group by bot_id`,
    [partition, generation, tenantId, bots, start, end, known],
  );
  return rows;
}

/** The hours in which each bot had an interaction: one look into index interaction_rows_by_bot_id for each hour. */
export async function listBusyHours(
  tx: Transaction,
  { partition, generation, tenantId }: InteractionScope,
  bots: readonly string[],
  { start, end }: ExaminedWindow,
): Promise<readonly { readonly bot_id: string; readonly hours: readonly Date[] }[]> {
  const { rows } = await tx.query<{ bot_id: string; hours: Date[] }>(
    `select b.bot_id, array_agg(h.start order by h.start) as hours
       from unnest($4::text[]) as b (bot_id)
      cross join generate_series(date_trunc('hour', $5::timestamptz, 'UTC'), $6::timestamptz, interval '1 hour')
                   as h (start)
      cross join lateral (
        select from interaction_rows i
         where ${own('i')} and i.bot_id collate "C" = b.bot_id
           and i.occurred_at >= h.start and i.occurred_at < h.start + interval '1 hour'
         limit 1
      ) found
      group by b.bot_id`,
    [partition, generation, tenantId, bots, start, end],
  );
  return rows;
}

/** Of the latest conversions of the window, how many there are and how many name an interaction that is not there. */
export async function countUnlinkedConversions(
  tx: Transaction,
  { partition, generation, tenantId }: InteractionScope,
  { start, end }: ExaminedWindow,
): Promise<{ readonly conversions: bigint; readonly unlinked: bigint }> {
  // By index conversion_rows_by_time, then interactions by primary key.
  const { rows } = await tx.query<{ conversions: bigint; unlinked: bigint }>(
    `select count(*) as conversions,
            count(*) filter (where not exists (
              select from interaction_rows i
               where i.partition = $1 and i.generation = $2 and i.tenant_id = $3
                 and i.event_key = v.interaction_key)) as unlinked
       from (select v.interaction_key from conversion_rows v
              where ${own('v')} and v.occurred_at >= $4 and v.occurred_at < $5
              order by v.occurred_at desc limit ${mostEvents}) v`,
    [partition, generation, tenantId, start, end],
  );
  return rows[0] ?? { conversions: 0n, unlinked: 0n };
}

/** Events in quarantine for the same fault. */
export interface QuarantinedFault {
  readonly reason: string;
  /** The first field at fault, as a path from the event, and what is wrong with it; null: none is named. */
  readonly field: string | null;
  readonly description: string | null;
  readonly events: bigint;
}

/** What is in quarantine from the window, by fault, the most frequent first; by index quarantined_events_by_time. */
export async function countQuarantined(
  tx: Transaction,
  { partition, tenantId }: InteractionScope,
  { start, end }: ExaminedWindow,
): Promise<readonly QuarantinedFault[]> {
  const { rows } = await tx.query<QuarantinedFault>(
    `select reason, field_violations -> 0 ->> 'field' as field,
            field_violations -> 0 ->> 'description' as description, count(*) as events
       from (select reason, field_violations from quarantined_events
              where partition = $1 and tenant_id = $2 and received_at >= $3 and received_at < $4
              order by received_at desc limit ${mostEvents}) latest
      group by 1, 2, 3 order by 4 desc, 1, 2, 3`,
    [partition, tenantId, start, end],
  );
  return rows;
}

/** What became of a bot's events, or of those of none. */
export interface CollectedSums {
  /** Empty: of none. `otherBots`: of those that were too many. */
  readonly bot_id: string;
  readonly accepted: bigint;
  readonly duplicate: bigint;
  readonly conflict: bigint;
  readonly rejected: bigint;
  readonly refused: bigint;
  readonly ancient: bigint;
  /** Hours in which ancient ones were received. */
  readonly ancient_hours: readonly Date[];
}

/** What became of events received in the window's hours, the first one whole, by bot; by the primary key. */
export async function sumCollected(
  tx: Transaction,
  { partition, tenantId }: InteractionScope,
  { start, end }: ExaminedWindow,
): Promise<readonly CollectedSums[]> {
  const sum = (kind: string) => `sum(${kind})::bigint as ${kind}`;
  const { rows } = await tx.query<CollectedSums>(
    `select bot_id, ${collectedKinds.map(sum).join(', ')},
            coalesce(array_agg(received_hour) filter (where ancient > 0), '{}') as ancient_hours
       from collection_counts
      where partition = $1 and tenant_id = $2
        and received_hour >= date_trunc('hour', $3::timestamptz, 'UTC') and received_hour < $4
      group by bot_id`,
    [partition, tenantId, start, end],
  );
  return rows;
}
