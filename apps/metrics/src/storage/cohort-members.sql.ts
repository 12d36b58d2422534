import { bucketStart, cutWindow } from '@parley/calendar';
import type { Transaction } from '@parley/database';
import { levelNumbers } from '../projection/cell.ts';
import type { CutWindow } from './cut-parameters.ts';
import { factCondition } from './fact-condition.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import type { LiveMembers, MemberSpace } from './member-set.ts';
import { readMemberSets } from './members.sql.ts';
import { createStatementParameters } from './statement-parameters.ts';
import { maxRows, requireFewRows } from './too-many-rows.ts';

/** Who had an interaction before the first of some instants, and from each to the next. */
export interface MembersOverTime {
  readonly before: LiveMembers;
  readonly between: readonly LiveMembers[];
}

/**
 * Who was there, from each of these instants, at least two and ascending, to the next. All members and those of a bot are
 * told from their sets, however many events there are; those of anything else from facts.
 * @throws DomainError `resource-exhausted` TOO_MANY_ROWS
 */
export async function readMembersOverTime(
  tx: Transaction,
  scope: ReadScope,
  instants: readonly Date[],
  space: MemberSpace,
): Promise<MembersOverTime> {
  const { groupId, intent, channel, sentiment, segment } = scope;
  const isBySets = [groupId, intent, channel, sentiment, segment].every((asked) => asked === '');
  if (!isBySets) return readFromFacts(tx, scope, instants, space);
  const windows = instants.slice(1).map((end, index) => toWindow(instants[index] ?? end, end));
  return {
    before: await readEarlierMembers(tx, scope, instants[0] ?? new Date(0), space),
    between: await readMemberSets(tx, scope, windows, space.load),
  };
}

/** Sets of days at a time: of a million members they take up to 8 MB. */
const daysAtOnce = 64;

/**
 * The sets of the days before an instant, some at a time. Parameters: partition, tenant, generation, bot, the instant, and
 * day and day of knowledge of the last one before. Leans on the primary key of member_sets.
 */
export const earlierDaysSql = {
  name: 'read-earlier-days',
  text: `
    select s.bucket_start as start, s.known_on as "knownOn", s.members from member_sets s
     where s.partition = $1 and s.tenant_id = $2 and s.generation = $3
       and s.cube = ($4::text <> '')::int::smallint and s.level = ${levelNumbers.day}::smallint
       and s.bucket_start < $5 and (s.bucket_start, s.bot_id, s.known_on) > ($6::timestamptz, $4, $7::date)
       and s.bot_id = $4
     order by s.bucket_start, s.bot_id, s.known_on
     limit ${daysAtOnce}`,
};

/** Who ever had an interaction before an instant. However long ago that began, some days are held at a time. */
async function readEarlierMembers(
  tx: Transaction,
  scope: ReadScope,
  before: Date,
  space: MemberSpace,
): Promise<LiveMembers> {
  const { partition, tenantId, generation, botId } = scope;
  const today = bucketStart('day', before);
  let all = space.unite(await readMemberSets(tx, scope, [toWindow(today, before)], space.load));
  let after: { readonly start: Date | string; readonly knownOn: string } = {
    start: '-infinity',
    knownOn: '-infinity',
  };
  for (;;) {
    const { rows } = await tx.query<{ start: Date; knownOn: string; members: Buffer }>(earlierDaysSql, [
      partition,
      tenantId,
      generation,
      botId,
      today,
      after.start,
      after.knownOn,
    ]);
    const sets = rows.map(({ members }) => members);
    all = space.unite([all, space.load(sets, [])]);
    const last = rows.at(-1);
    if (last === undefined || rows.length < daysAtOnce) return all;
    after = last;
  }
}

/** By interaction_facts_by_group or interaction_facts_by_time, up to the end. */
async function readFromFacts(
  tx: Transaction,
  scope: ReadScope,
  instants: readonly Date[],
  space: MemberSpace,
): Promise<MembersOverTime> {
  const parameters = createStatementParameters();
  const { rows } = await tx.query<{ part: number; ordinals: readonly number[]; count: bigint }>(
    `select part, array_agg(distinct member_ordinal) filter (where member_ordinal is not null) as ordinals,
            count(*) as count
       from (
         select width_bucket(f.occurred_at, ${parameters.of(instants, 'timestamptz[]')}) as part, f.member_ordinal
           from interaction_facts f
          where ${factCondition(scope, 'interaction_facts', parameters)}
            and f.occurred_at < ${parameters.of(instants.at(-1), 'timestamptz')}
          limit ${maxRows + 1}
       ) as f
      group by part`,
    parameters.values,
  );
  requireFewRows(
    rows.reduce((sum, { count }) => sum + Number(count), 0),
    'interactions, of all time up to the end of the last period',
  );
  const parts = new Map(rows.map(({ part, ordinals }) => [part, ordinals]));
  return {
    before: space.load([], parts.get(0) ?? []),
    between: instants.slice(1).map((_, index) => space.load([], parts.get(index + 1) ?? [])),
  };
}

function toWindow(start: Date, end: Date): CutWindow {
  return { start, end, cut: cutWindow(start, end) };
}
