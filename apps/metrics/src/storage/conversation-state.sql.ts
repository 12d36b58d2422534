import type { WindowCut } from '@parley/calendar';
import type { Transaction } from '@parley/database';
import { conversationCounters } from '@parley/kpi';
import type { ConversationCounter, ConversationState } from '@parley/kpi';
import { bucketParameters } from './kpi-state.sql.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { columnOf } from './kpi-columns.ts';

// An instant has passed for a conversation when it is due only later, or never again.
const isPast = (instant: string) => `(f.due_at is null or ${instant} < f.due_at)`;
const isEnded = isPast('f.ends_at');
const isEngaged = `(${isEnded} and f.interaction_count >= 2)`;
const isHandedOff = '(f.asked_count + f.handoff_count > 0)';
const isConfirmed = '(f.converted_count > 0)';
const isDeflected = `(${isEnded} and not ${isHandedOff})`;
const isKnown = '(f.member_ordinal is not null)';
const isDayOver = `(${isKnown} and ${isPast("f.last_at + interval '24 hours'")})`;
const isSilent = isPast("f.last_at + interval '72 hours'");
const isWeekOver = `(${isKnown} and ${isPast("f.last_at + interval '168 hours'")})`;
const isEngagedDay = `(${isDayOver} and f.interaction_count >= 2)`;
const isEngagedWeek = `(${isWeekOver} and f.interaction_count >= 2)`;
const staysAway = (hours: number, column = 'next_at') =>
  `coalesce(f.${column} > f.last_at + interval '${hours} hours', true)`;
const count = (condition: string) => `(${condition})::int`;

/** What a stored conversation counts as; the same as @parley/kpi says of it. */
export const ofConversation: Readonly<Record<ConversationCounter, string>> = {
  conversationCount: '1',
  turnCount: 'f.interaction_count',
  firstFallbackCount: count("f.intent = 'fallback'"),
  laterFallbackCount: "f.fallback_count - (f.intent = 'fallback')::int",
  openCount: count(`not ${isEnded}`),
  endedCount: count(isEnded),
  durationSumMs: `case when ${isEnded} then round(extract(epoch from f.last_at - f.started_at) * 1000) else 0 end`,
  engagedCount: count(isEngaged),
  containedCount: count(`${isEngaged} and not ${isHandedOff}`),
  handoffCount: count(`${isEngaged} and ${isHandedOff}`),
  anyHandoffCount: count(`${isEnded} and ${isHandedOff}`),
  bouncedCount: count(
    `${isDeflected} and f.interaction_count = 1 and f.converted_count + f.visited_count + f.rated_count = 0`,
  ),
  confirmedCount: count(`${isEngaged} and ${isConfirmed}`),
  abandonedCount: count(`${isEngaged} and not ${isHandedOff} and not ${isConfirmed}`),
  deflectedCount: count(isDeflected),
  botHandledCount: count(`${isDeflected} and not f.ends_with_fallback`),
  ratedCount: count(`${isEnded} and f.rated_count > 0`),
  ended72hCount: count(isSilent),
  botHandled72hCount: count(`${isSilent} and not ${isHandedOff} and not f.ends_with_fallback`),
  ended24hCount: count(isDayOver),
  returned24hCount: count(`${isDayOver} and not ${staysAway(24)}`),
  deflectedNoReturn24hCount: count(`${isDayOver} and not ${isHandedOff} and ${staysAway(24)}`),
  settled24hCount: count(`${isDayOver} and (${isConfirmed} or (not ${isHandedOff} and ${staysAway(24)}))`),
  engaged24hCount: count(isEngagedDay),
  containedNoReturn24hCount: count(`${isEngagedDay} and not ${isHandedOff} and ${staysAway(24)}`),
  assumedCount: count(`${isEngagedDay} and (${isConfirmed} or (not ${isHandedOff} and ${staysAway(24)}))`),
  engaged7dCount: count(isEngagedWeek),
  containedNoReturn7dCount: count(`${isEngagedWeek} and not ${isHandedOff} and ${staysAway(168)}`),
  durableCount: count(`${isEngagedWeek} and (${isConfirmed} or not ${isHandedOff}) and ${staysAway(168)}`),
  resolved7dCount: count(`${isWeekOver} and ${isConfirmed}`),
  firstContactCount: count(`${isWeekOver} and ${isConfirmed} and ${staysAway(168, 'next_same_at')}`),
};

const columns = conversationCounters.map(columnOf);
const sums = columns.map((column) => `coalesce(sum(${column}), 0)::bigint as ${column}`).join(', ');
const list = conversationCounters
  .map((counter) => `(${ofConversation[counter]})::bigint as ${columnOf(counter)}`)
  .join(', ');

/** The conversations that begin in some stretches of time. */
function factRows(stretches: string, condition: string): string {
  return `
    select f.* from ${stretches} as stretch (starts_at, ends_at)
     cross join lateral (
       select ${list} from conversation_facts f
        where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and ${condition}
          and f.started_at >= stretch.starts_at and f.started_at < stretch.ends_at
       offset 0
     ) as f`;
}

/**
 * The state of the conversations of a tenant or of one of its bots that begin in a window, cut and asked for as by
 * `kpiStateSql`, with the same parameters. Leans on the primary key of conversation_rollups and on
 * conversation_facts_by_time.
 */
export const conversationStateSql = {
  name: 'read-conversation-state',
  text: `
    select ${sums} from (
      select r.* from unnest((select $5::smallint[]), (select $6::timestamptz[]), (select $7::timestamptz[]))
                        as part (level, starts_at, ends_at)
       cross join lateral (
         select ${columns.join(', ')} from conversation_rollups r
          where r.partition = $1 and r.tenant_id = $2 and r.generation = $3
            and r.cube = ($4::text <> '')::int::smallint and r.level = part.level
            and r.bucket_start >= part.starts_at and r.bucket_start < part.ends_at and r.bot_id = $4
         offset 0
       ) as r
      union all
      ${factRows('unnest((select $8::timestamptz[]), (select $9::timestamptz[]))', "f.bot_id <> '' and ($4 = '' or f.bot_id = $4)")}
    ) as part`,
};

/**
 * The same of a group, or of one bot in it. Parameters: partition, tenant, generation, bot, group, start, end. Leans on
 * conversation_facts_by_group.
 */
export const groupConversationStateSql = `
    select ${sums} from (
      ${factRows(
        '(values ($6::timestamptz, $7::timestamptz))',
        "f.group_id = $5 and ($4::text = '' or f.bot_id = $4)",
      )}
    ) as part`;

/** The sums of the conversations that begin in a window. */
export async function readConversationState(
  tx: Transaction,
  { partition, tenantId, generation, botId, groupId }: ReadScope,
  { start, end, cut }: { readonly start: Date; readonly end: Date; readonly cut: WindowCut },
): Promise<ConversationState> {
  const ofBot = [partition, tenantId, generation, botId];
  const { rows } =
    groupId === ''
      ? await tx.query<Record<string, bigint>>(conversationStateSql, [
          ...ofBot,
          ...bucketParameters(cut),
          cut.edges.map((edge) => edge.start),
          cut.edges.map((edge) => edge.end),
        ])
      : await tx.query<Record<string, bigint>>(groupConversationStateSql, [...ofBot, groupId, start, end]);
  const [row = {}] = rows;
  const entries = conversationCounters.map((counter) => [counter, Number(row[columnOf(counter)])] as const);
  return Object.fromEntries(entries) as Record<ConversationCounter, number>;
}

/**
 * Interactions of a scope and window without a response so far, that occurred at an instant or later. Parameters:
 * partition, tenant, generation, bot, group, start, end. Leans on interaction_facts_by_time, for the minutes before now.
 */
export const awaitingSql = {
  name: 'count-awaiting-interactions',
  text: `
    select count(*) as count from interaction_facts f
     where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and f.bot_id <> ''
       and ($4::text = '' or f.bot_id = $4) and ($5::text = '' or f.group_id = $5)
       and f.occurred_at >= $6 and f.occurred_at < $7 and not f.has_response`,
};

/** How many interactions of the window may still get a response in time. */
export async function countAwaiting(
  tx: Transaction,
  { partition, tenantId, generation, botId, groupId }: ReadScope,
  { start, end }: { readonly start: Date; readonly end: Date },
  completeTo: Date,
): Promise<number> {
  const since = new Date(Math.max(start.getTime(), awaitedSince(completeTo).getTime()));
  const { rows } = await tx.query<{ count: bigint }>(awaitingSql, [
    partition,
    tenantId,
    generation,
    botId,
    groupId,
    since,
    end,
  ]);
  return Number(rows[0]?.count);
}

const patienceMs = 5 * 60_000;

/** Since when an interaction without a response may still get one in time. */
export function awaitedSince(completeTo: Date): Date {
  return new Date(completeTo.getTime() - patienceMs);
}
