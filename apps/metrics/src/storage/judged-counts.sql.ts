import type { Transaction } from '@parley/database';
import { defaultHealthRule, lastBinWithin, longestOfBin } from '@parley/kpi';
import type { JudgedCount } from '@parley/kpi';
import { cutParameters } from './cut-parameters.ts';
import type { CutWindow } from './cut-parameters.ts';
import type { ReadScope } from './kpi-state.sql.ts';

/** What was judged of one bot in one window. */
export interface BotCount extends JudgedCount {
  /** The window's place among those that were asked for. */
  readonly position: number;
  readonly botId: string;
}

type Scope = Pick<ReadScope, 'partition' | 'tenantId' | 'generation' | 'botId'>;

/** The buckets of each bot, or of one, of several windows. */
function bucketRows(table: string, columns: string, condition: string): string {
  return `
    select part.position, r.* from unnest((select $5::integer[]), (select $6::smallint[]), (select $7::timestamptz[]),
                                          (select $8::timestamptz[])) as part (position, level, starts_at, ends_at)
     cross join lateral (
       select r.bot_id, ${columns} from ${table} r
        where r.partition = $1 and r.tenant_id = $2 and r.generation = $3 and r.cube = 1 and r.level = part.level
          and r.bucket_start >= part.starts_at and r.bucket_start < part.ends_at and ${condition.replaceAll('?', 'r')}
       offset 0
     ) as r`;
}

/** The interactions of each bot, or of one, that are in no whole bucket. */
function factRows(columns: string, condition: string): string {
  return `
    select stretch.position, f.*
      from unnest((select $9::integer[]), (select $10::timestamptz[]), (select $11::timestamptz[]))
             as stretch (position, starts_at, ends_at)
     cross join lateral (
       select f.bot_id, ${columns} from interaction_facts f
        where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and f.bot_id <> ''
          and f.occurred_at >= stretch.starts_at and f.occurred_at < stretch.ends_at and ${condition.replaceAll('?', 'f')}
       offset 0
     ) as f`;
}

// Of one bot its rows are sought by the whole key, of all of them those of a time.
const ofOne = '?.bot_id = $4';
const ofAll = "$4::text = ''";

function failuresSql(name: string, condition: string) {
  return {
    name,
    text: `
    select position, bot_id as "botId", sum(interaction_count)::bigint as total, sum(error_count)::bigint as bad from (
      ${bucketRows('kpi_rollups', 'r.interaction_count, r.error_count', condition)}
      union all
      ${factRows('1::bigint as interaction_count, f.has_error::int::bigint as error_count', condition)}
    ) as part
    group by position, bot_id`,
  };
}

function slowAnswersSql(name: string, condition: string) {
  return {
    name,
    text: `
    select part.position, part.bot_id as "botId", sum(part.count)::bigint as total,
           coalesce(sum(part.count) filter (
             where case when part.bin is null then part.ms > coalesce(own.ms, $16::integer)
                        else part.bin > coalesce(own.bin, $15::smallint) end
           ), 0)::bigint as bad
      from (
        select r.position, r.bot_id, b.bin, null::integer as ms, b.count
          from (${bucketRows('latency_rollups', 'r.bins, r.counts', condition)}) as r
         cross join lateral unnest(r.bins, r.counts) as b (bin, count)
        union all
        select f.position, f.bot_id, null, f.response_time_ms, 1
          from (${factRows('f.response_time_ms', `${condition} and f.response_time_ms is not null`)}) as f
      ) as part
      left join unnest((select $12::text[]), (select $13::smallint[]), (select $14::integer[])) as own (bot_id, bin, ms)
        on own.bot_id = part.bot_id
     group by part.position, part.bot_id`,
  };
}

/**
 * Interactions and those with an error, of each bot that had any, or of one, in several windows. Parameters: partition,
 * tenant, generation, bot, then `cutParameters`. Leans on the primary key of kpi_rollups and on interaction_facts_by_time.
 * Its plan is kept as that of `kpiStateSql` is.
 */
export const failuresOfBotsSql = failuresSql('read-failures-of-bots', ofAll);
export const failuresOfBotSql = failuresSql('read-failures-of-bot', ofOne);

/**
 * Response times and those above a threshold, in the same way. Further parameters: bots with a threshold of their own,
 * its last bin and its longest time; then those of all other bots. Leans on the primary key of latency_rollups and on
 * interaction_facts_by_time.
 */
export const slowAnswersOfBotsSql = slowAnswersSql('read-slow-answers-of-bots', ofAll);
export const slowAnswersOfBotSql = slowAnswersSql('read-slow-answers-of-bot', ofOne);

/** The interactions of each window and bot, and how many of them had an error. Without a bot: of all. */
export async function readFailures(
  tx: Transaction,
  { partition, tenantId, generation, botId }: Scope,
  windows: readonly CutWindow[],
): Promise<readonly BotCount[]> {
  const { rows } = await tx.query<CountRow>(botId === '' ? failuresOfBotsSql : failuresOfBotSql, [
    partition,
    tenantId,
    generation,
    botId,
    ...cutParameters(windows, ['day', 'hour', 'quarter']),
  ]);
  return rows.map(toCount);
}

/**
 * The response times of each window and bot, and how many of them were longer than the bot's threshold: those in bins of
 * the sketch that are taken for longer ones, so that a time within 1 % of the threshold may be judged either way.
 * @param thresholds in milliseconds by bot, and of all others under ''.
 */
export async function readSlowAnswers(
  tx: Transaction,
  { partition, tenantId, generation, botId }: Scope,
  windows: readonly CutWindow[],
  thresholds: ReadonlyMap<string, number>,
): Promise<readonly BotCount[]> {
  const limits = [...thresholds].map(([bot, ms]) => ({ bot, bin: lastBinWithin(ms) }));
  const own = limits.filter(({ bot }) => bot !== '');
  const usual = lastBinWithin(thresholds.get('') ?? defaultHealthRule.latencyThresholdMs);
  const { rows } = await tx.query<CountRow>(botId === '' ? slowAnswersOfBotsSql : slowAnswersOfBotSql, [
    partition,
    tenantId,
    generation,
    botId,
    ...cutParameters(windows, ['day', 'hour', 'quarter']),
    own.map(({ bot }) => bot),
    own.map(({ bin }) => bin),
    own.map(({ bin }) => longestOfBin(bin)),
    usual,
    longestOfBin(usual),
  ]);
  return rows.map(toCount);
}

interface CountRow {
  readonly position: number;
  readonly botId: string;
  readonly total: bigint;
  readonly bad: bigint;
}

function toCount({ position, botId, total, bad }: CountRow): BotCount {
  return { position, botId, total: Number(total), bad: Number(bad) };
}
