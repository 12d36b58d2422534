import {
  copyIn,
  encodeInt4Array,
  encodeTextArray,
  encodeTimestampArray,
  encodeUuidArray,
} from '@parley/database';
import type { CopyType } from '@parley/database';
import type { ConversationFact } from '../projection/conversation-fact.ts';
import type { FactColumn, RowScope } from './fact-store.ts';

const columns: readonly FactColumn<ConversationFact>[] = [
  ['tenant_id', 'uuid', 'tenantId'],
  ['thread_key', 'uuid', 'threadKey'],
  ['conversation_id', 'text', 'conversationId'],
  ['started_at', 'timestamptz', 'startedAt'],
  ['first_key', 'uuid', 'firstKey'],
  ['bot_id', 'text', 'botId'],
  ['group_id', 'text', 'groupId'],
  ['channel', 'text', 'channel'],
  ['intent', 'text', 'intent'],
  ['member_ordinal', 'int4', 'memberOrdinal'],
  ['members', 'text', 'members'],
  ['last_at', 'timestamptz', 'lastAt'],
  ['last_key', 'uuid', 'lastKey'],
  ['ends_with_fallback', 'bool', 'endsWithFallback'],
  ['ends_at', 'timestamptz', 'endsAt'],
  ['interaction_count', 'int4', 'interactionCount'],
  ['fallback_count', 'int4', 'fallbackCount'],
  ['asked_count', 'int4', 'askedCount'],
  ['handoff_count', 'int4', 'handoffCount'],
  ['converted_count', 'int4', 'convertedCount'],
  ['visited_count', 'int4', 'visitedCount'],
  ['rated_count', 'int4', 'ratedCount'],
  ['next_at', 'timestamptz', 'nextAt'],
  ['next_same_at', 'timestamptz', 'nextSameAt'],
  ['due_at', 'timestamptz', 'dueAt'],
  ['known_on', 'int4', 'knownOn'],
  ['later', 'text', 'later'],
];
const target = {
  table: 'conversation_facts',
  columns: [
    ['partition', 'int4'],
    ['generation', 'int4'],
    ...columns.map(([name, type]): readonly [string, CopyType] => [name, type]),
  ] as const,
};
const list = columns.map(([name, , property]) => `f.${name} as "${property}"`).join(', ');

/** What is sought in a thread: what contains an instant or ended not long before, and what begins until another one. */
export interface ThreadStretch {
  readonly tenantId: string;
  readonly threadKey: string;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
}

/**
 * Conversations of threads. Leans on the primary key of conversation_facts, by which those of a thread stand in their order,
 * so that only the nearest one before is looked at. OFFSET 0 and a statement without a name: as for other facts.
 */
export const findConversationsSql = `
    select distinct ${list}
      from unnest($3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[])
             as asked (tenant_id, thread_key, starts_at, ends_at)
     cross join lateral (
       (select * from conversation_facts f
         where f.partition = $1 and f.thread_key = asked.thread_key and f.tenant_id = asked.tenant_id
           and f.generation = $2 and f.started_at <= asked.starts_at
         order by f.started_at desc limit 1)
       union all
       (select * from conversation_facts f
         where f.partition = $1 and f.thread_key = asked.thread_key and f.tenant_id = asked.tenant_id
           and f.generation = $2 and f.started_at > asked.starts_at and f.started_at <= asked.ends_at)
     ) as f
     where f.ends_at >= asked.starts_at`;

/** Those that reach into these stretches, each once. */
export async function findConversations(
  { tx, partition, generation }: RowScope,
  stretches: readonly ThreadStretch[],
): Promise<readonly ConversationFact[]> {
  if (stretches.length === 0) return [];
  const { rows } = await tx.query<ConversationFact>(findConversationsSql, [
    partition,
    generation,
    encodeUuidArray(stretches.map(({ tenantId }) => tenantId)),
    encodeUuidArray(stretches.map(({ threadKey }) => threadKey)),
    encodeTimestampArray(stretches.map(({ from }) => from)),
    encodeTimestampArray(stretches.map(({ to }) => to)),
  ]);
  return rows;
}

export async function addConversations(
  { tx, partition, generation }: RowScope,
  facts: readonly ConversationFact[],
): Promise<void> {
  if (facts.length === 0) return;
  const rows = facts.map((fact) => [
    partition,
    generation,
    ...columns.map(([, , property]) => fact[property]),
  ]);
  await copyIn(tx.client, target, rows);
}

export async function removeConversations(
  { tx, partition, generation }: RowScope,
  facts: readonly ConversationFact[],
): Promise<void> {
  if (facts.length === 0) return;
  await tx.query(
    `delete from conversation_facts f
      using unnest($3::uuid[], $4::uuid[], $5::timestamptz[]) as gone (tenant_id, thread_key, started_at)
      where f.partition = $1 and f.thread_key = gone.thread_key and f.tenant_id = gone.tenant_id
        and f.generation = $2 and f.started_at = gone.started_at`,
    [partition, generation, ...keysOf(facts)],
  );
}

/** Writes over what time and other conversations of the member change about stored ones. */
export async function changeConversations(
  { tx, partition, generation }: RowScope,
  facts: readonly ConversationFact[],
): Promise<void> {
  if (facts.length === 0) return;
  await tx.query(
    `update conversation_facts f
        set next_at = changed.next_at, next_same_at = changed.next_same_at, due_at = changed.due_at,
            known_on = changed.known_on, later = changed.later
       from unnest($3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[],
                   $9::integer[], $10::text[])
         as changed (tenant_id, thread_key, started_at, next_at, next_same_at, due_at, known_on, later)
      where f.partition = $1 and f.thread_key = changed.thread_key and f.tenant_id = changed.tenant_id
        and f.generation = $2 and f.started_at = changed.started_at`,
    [
      partition,
      generation,
      ...keysOf(facts),
      facts.map(({ nextAt }) => nextAt),
      facts.map(({ nextSameAt }) => nextSameAt),
      facts.map(({ dueAt }) => dueAt),
      encodeInt4Array(facts.map(({ knownOn }) => knownOn)),
      facts.map(({ later }) => later),
    ],
  );
}

/** Writes over when stored ones are due next. */
export async function postponeConversations(
  { tx, partition, generation }: RowScope,
  facts: readonly ConversationFact[],
): Promise<void> {
  if (facts.length === 0) return;
  await tx.query(
    `update conversation_facts f set due_at = changed.due_at
       from unnest($3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[])
         as changed (tenant_id, thread_key, started_at, due_at)
      where f.partition = $1 and f.thread_key = changed.thread_key and f.tenant_id = changed.tenant_id
        and f.generation = $2 and f.started_at = changed.started_at`,
    [partition, generation, ...keysOf(facts), facts.map(({ dueAt }) => dueAt)],
  );
}

/** Leans on conversation_facts_by_due. */
export const findDueSql = `
    select ${list} from conversation_facts f
     where f.partition = $1 and f.generation = $2 and f.due_at <= $3
     order by f.due_at limit $4`;

/** Some of those that time has changed until an instant, the longest due first. */
export async function findDue(
  { tx, partition, generation }: RowScope,
  until: Date,
  limit: number,
): Promise<readonly ConversationFact[]> {
  const { rows } = await tx.query<ConversationFact>(findDueSql, [partition, generation, until, limit]);
  return rows;
}

/** A member's conversation, as another one of theirs sees it. */
export interface Neighbour {
  readonly tenantId: string;
  readonly memberOrdinal: number;
  readonly intent: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** When a member began another conversation after an instant, within 7 days: with any intent, with the same one. */
export interface Returns {
  readonly nextAt: Date | null;
  readonly nextSameAt: Date | null;
}

/** The next conversations of a member after `last_at`, of an intent. Leans on conversation_facts_by_start. */
function nextSql(of: string): string {
  const next = (condition: string) => `
       (select min(n.started_at) from conversation_facts n
         where n.partition = $1 and n.member_ordinal = ${of}.member_ordinal and n.member_ordinal >= 0 and n.tenant_id = ${of}.tenant_id
           and n.generation = $2 and n.started_at > ${of}.last_at
           and n.started_at <= ${of}.last_at + interval '7 days'${condition})`;
  return `${next('')} as "seenAt", ${next(` and n.intent = ${of}.intent`)} as "seenSameAt"`;
}

export const findReturnsSql = `
    select asked.position, ${nextSql('asked')}
      from unnest($3::uuid[], $4::integer[], $5::text[], $6::timestamptz[]) with ordinality
             as asked (tenant_id, member_ordinal, intent, last_at, position)`;

/** For each, when the member came back according to what is stored. */
export async function findReturns(
  { tx, partition, generation }: RowScope,
  lasts: readonly Neighbour[],
): Promise<readonly Returns[]> {
  if (lasts.length === 0) return [];
  const { rows } = await tx.query<{ position: bigint; seenAt: Date | null; seenSameAt: Date | null }>(
    findReturnsSql,
    [partition, generation, ...neighbourColumns(lasts)],
  );
  const byPosition = new Map(rows.map(({ position, ...row }) => [Number(position), row]));
  return lasts.map((_, index) => {
    const row = byPosition.get(index + 1);
    return { nextAt: row?.seenAt ?? null, nextSameAt: row?.seenSameAt ?? null };
  });
}

/**
 * Conversations of members that ended before an instant at which one of theirs began or no longer begins, and for which
 * that may be the next one: nothing stored began in between. Leans on conversation_facts_by_last and …_by_start.
 */
export const findPredecessorsSql = `
    select ${list}, ${nextSql('f')}
      from (
        select distinct f.*
          from unnest($3::uuid[], $4::integer[], $5::text[], $6::timestamptz[])
                 as asked (tenant_id, member_ordinal, intent, starts_at)
         cross join lateral (
           select max(p.started_at) as started_at from conversation_facts p
            where p.partition = $1 and p.member_ordinal = asked.member_ordinal and p.member_ordinal >= 0 and p.tenant_id = asked.tenant_id
              and p.generation = $2 and p.started_at < asked.starts_at
              and p.started_at >= asked.starts_at - interval '7 days'
         ) as any_before
         cross join lateral (
           select max(p.started_at) as started_at from conversation_facts p
            where p.partition = $1 and p.member_ordinal = asked.member_ordinal and p.member_ordinal >= 0 and p.tenant_id = asked.tenant_id
              and p.generation = $2 and p.started_at < asked.starts_at and p.intent = asked.intent
              and p.started_at >= asked.starts_at - interval '7 days'
         ) as same_before
         cross join lateral (
           (select * from conversation_facts f
             where f.partition = $1 and f.member_ordinal = asked.member_ordinal and f.tenant_id = asked.tenant_id
               and f.generation = $2 and f.last_at >= f.started_at and f.last_at < asked.starts_at
               and f.last_at >= coalesce(any_before.started_at, asked.starts_at - interval '7 days')
            offset 0)
           union all
           (select * from conversation_facts f
             where f.partition = $1 and f.member_ordinal = asked.member_ordinal and f.tenant_id = asked.tenant_id
               and f.generation = $2 and f.last_at >= f.started_at and f.last_at < asked.starts_at and f.intent = asked.intent
               and f.last_at >= coalesce(same_before.started_at, asked.starts_at - interval '7 days')
            offset 0)
         ) as f
      ) as f`;

/** A stored conversation, and when its member came back according to what is stored. */
export type Predecessor = ConversationFact & {
  readonly seenAt: Date | null;
  readonly seenSameAt: Date | null;
};

/** Those for which a beginning may be the next one. */
export async function findPredecessors(
  { tx, partition, generation }: RowScope,
  starts: readonly Neighbour[],
): Promise<readonly Predecessor[]> {
  if (starts.length === 0) return [];
  const { rows } = await tx.query<Predecessor>(findPredecessorsSql, [
    partition,
    generation,
    ...neighbourColumns(starts),
  ]);
  return rows;
}

function neighbourColumns(neighbours: readonly Neighbour[]): readonly Buffer[] {
  return [
    encodeUuidArray(neighbours.map(({ tenantId }) => tenantId)),
    encodeInt4Array(neighbours.map(({ memberOrdinal }) => memberOrdinal)),
    encodeTextArray(neighbours.map(({ intent }) => intent)),
    encodeTimestampArray(neighbours.map(({ at }) => at)),
  ];
}

function keysOf(facts: readonly ConversationFact[]): readonly Buffer[] {
  return [
    encodeUuidArray(facts.map(({ tenantId }) => tenantId)),
    encodeUuidArray(facts.map(({ threadKey }) => threadKey)),
    encodeTimestampArray(facts.map(({ startedAt }) => startedAt.getTime())),
  ];
}

/** Those of members, of which an erasure takes one out. Leans on conversation_facts_by_start. */
export async function findConversationsOfMembers(
  { tx, partition, generation }: RowScope,
  tenantId: string,
  ordinals: readonly number[],
): Promise<readonly ConversationFact[]> {
  const { rows } = await tx.query<ConversationFact>(
    `select ${list} from conversation_facts f
      where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and f.member_ordinal = any($4::integer[])
        and f.member_ordinal >= 0`,
    [partition, tenantId, generation, encodeInt4Array(ordinals)],
  );
  return rows;
}

/** Those with several members, or begun by nobody known. Leans on conversation_facts_shared. */
export async function findSharedConversations(
  { tx, partition, generation }: RowScope,
  tenantId: string,
): Promise<readonly ConversationFact[]> {
  const { rows } = await tx.query<ConversationFact>(
    `select ${list} from conversation_facts f
      where f.partition = $1 and f.tenant_id = $2 and f.generation = $3 and f.members is not null`,
    [partition, tenantId, generation],
  );
  return rows;
}

/** Up to when time has passed for the rows of a generation. Null: not at all. */
export async function readClock({ tx, partition, generation }: RowScope): Promise<Date | null> {
  const { rows } = await tx.query<{ passedTo: Date }>(
    'select passed_to as "passedTo" from conversation_clocks where partition = $1 and generation = $2',
    [partition, generation],
  );
  return rows[0]?.passedTo ?? null;
}

export async function moveClock({ tx, partition, generation }: RowScope, to: Date): Promise<void> {
  await tx.query(
    `insert into conversation_clocks as c (partition, generation, passed_to) values ($1, $2, $3)
     on conflict (partition, generation) do update set passed_to = excluded.passed_to`,
    [partition, generation, to],
  );
}
