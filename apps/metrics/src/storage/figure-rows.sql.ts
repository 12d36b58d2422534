import type { Transaction } from '@parley/database';
import type { Coefficients, NumeratorForm } from '@parley/kpi';
import { factCondition } from './fact-condition.ts';
import type { FactTableName } from './fact-condition.ts';
import { ofConversation } from './conversation-state.sql.ts';
import { ofConversion, ofFeedback, ofInteraction } from './kpi-state.sql.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { ofRefund, ofSale } from './revenue.sql.ts';
import { createStatementParameters } from './statement-parameters.ts';
import type { StatementParameters } from './statement-parameters.ts';

/** What a row is of. */
export type RowKind = 'interaction' | 'conversion' | 'refund' | 'feedback' | 'conversation' | 'member';

/** One thing behind a figure. */
export interface FigureRow {
  readonly kind: RowKind;
  /** The event's key; a conversation's and a member's is that of their first interaction, a payer's of their conversion. */
  readonly key: string;
  readonly at: Date;
  readonly botId: string;
  readonly groupId: string;
  readonly intent: string;
  readonly conversationId: string;
  /** In days since 1970. Null: by code that did not keep it. */
  readonly knownOn: number | null;
  /** What it adds to the numerator, before that is divided. */
  readonly amount: bigint;
}

/** A row behind which a page begins: rows are told from the latest to the earliest. */
export type RowCursor = Pick<FigureRow, 'kind' | 'key' | 'at'>;

/** How many rows there are, and what they add up to, before that is divided. */
export interface RowTotals {
  readonly count: number;
  readonly amount: bigint;
}

/** Rows of a scope and a stretch of time. */
export interface RowQuestion {
  readonly scope: ReadScope;
  readonly start: Date;
  readonly end: Date;
}

/** What stands behind a numerator that is a sum. */
export interface SumQuestion extends RowQuestion {
  readonly form: NumeratorForm;
  /** The tenant's. */
  readonly currencyCode: string;
  /** Since when an interaction may still get a response in time. */
  readonly awaitedSince: Date;
}

const tables = {
  interaction: { table: 'interaction_facts', key: 'interaction_key', at: 'occurred_at' },
  conversion: { table: 'conversion_facts', key: 'conversion_key', at: 'occurred_at' },
  refund: { table: 'refund_facts', key: 'refund_key', at: 'occurred_at' },
  feedback: { table: 'feedback_facts', key: 'feedback_key', at: 'occurred_at' },
  conversation: { table: 'conversation_facts', key: 'first_key', at: 'started_at' },
} as const satisfies Record<string, { table: FactTableName; key: string; at: string }>;
type FactKind = keyof typeof tables;

/** A rating has no intent of its own. */
const intents: Readonly<Record<FactKind, string>> = {
  interaction: 'f.intent',
  conversion: 'f.intent',
  refund: 'f.intent',
  feedback: `coalesce((
    select i.intent from interaction_facts i
     where i.partition = f.partition and i.interaction_key = f.interaction_key and i.tenant_id = f.tenant_id
       and i.generation = f.generation), '')`,
  conversation: 'f.intent',
};
const conversationIds: Readonly<Record<FactKind, string>> = {
  interaction: 'f.conversation_id',
  conversion: "''",
  refund: "''",
  feedback: "''",
  conversation: 'f.conversation_id',
};

/** Rows of one table, each of which adds something. */
interface Source {
  readonly kind: FactKind;
  readonly amount: string;
}

/** The tables that a numerator is a sum over, with what a row of each adds to it: what it counts as, times its weight. */
function sourcesOf(
  { form, currencyCode, awaitedSince }: Pick<SumQuestion, 'form' | 'currencyCode' | 'awaitedSince'>,
  parameters: StatementParameters,
): readonly Source[] {
  const { sums, conversations, revenue, awaiting } = form;
  const money = (condition: string, expression: string): string =>
    expression === ''
      ? ''
      : `case when f.currency_code = ${parameters.of(currencyCode, 'text')} and ${condition} then ${expression} end`;
  const awaited =
    awaiting === 0
      ? ''
      : `${awaiting} * (not f.has_response and f.occurred_at >= ${parameters.of(awaitedSince, 'timestamptz')})::int`;
  const amounts: readonly (readonly [FactKind, readonly string[]])[] = [
    ['interaction', [weighted(ofInteraction, sums), awaited]],
    ['conversion', [weighted(ofConversion, sums), money(isSale, weighted(ofSale, revenue))]],
    ['refund', [money('f.value_minor_units > 0', weighted(ofRefund, revenue))]],
    ['feedback', [weighted(ofFeedback, sums)]],
    ['conversation', [weighted(ofConversation, conversations)]],
  ];
  return amounts.flatMap(([kind, parts]) => {
    const told = parts.filter((part) => part !== '').map((part) => `coalesce(${part}, 0)`);
    return told.length === 0 ? [] : [{ kind, amount: told.join(' + ') }];
  });
}

/** What most of the rows behind such a sum are of: where there are conversions and refunds, conversions. */
export function rowKindOf(form: NumeratorForm): RowKind {
  const question = { form, currencyCode: '', awaitedSince: new Date(0) };
  const [first] = sourcesOf(question, createStatementParameters());
  if (first === undefined) throw new Error('A numerator that is a sum of nothing.');
  return first.kind;
}

const isSale = '(f.value_minor_units > 0 or f.refunded_minor_units > 0)';

/** Empty where nothing of it has a weight. */
function weighted<Counter extends string>(
  values: Readonly<Partial<Record<Counter, string>>>,
  weights: Coefficients<Counter>,
): string {
  const terms: string[] = [];
  for (const counter of Object.keys(weights) as Counter[]) {
    const value = values[counter];
    if (value !== undefined) terms.push(`${weights[counter] ?? 0} * coalesce(${value}, 0)`);
  }
  return terms.join(' + ');
}

/** The facts f of a scope, that occurred in a stretch of time. */
function factsOf(
  kind: FactKind,
  { scope, start, end }: RowQuestion,
  parameters: StatementParameters,
): string {
  const { table, at } = tables[kind];
  return `${factCondition(scope, table, parameters)}
          and f.${at} >= ${parameters.of(start, 'timestamptz')} and f.${at} < ${parameters.of(end, 'timestamptz')}`;
}

const kinds: readonly RowKind[] = [
  'interaction',
  'conversion',
  'refund',
  'feedback',
  'conversation',
  'member',
];

/** That a row comes after the cursor, from the latest to the earliest; of several at once by key, then by kind. */
function isAfter(
  kind: RowKind,
  { at, key }: { readonly at: string; readonly key: string },
  after: RowCursor | undefined,
  parameters: StatementParameters,
): string {
  if (after === undefined) return 'true';
  const [instant, last] = [parameters.of(after.at, 'timestamptz'), parameters.of(after.key, 'uuid')];
  const isKey = kinds.indexOf(kind) < kinds.indexOf(after.kind) ? `${key} <= ${last}` : `${key} < ${last}`;
  return `${at} <= ${instant} and (${at} < ${instant} or ${isKey})`;
}

/**
 * How many rows stand behind a sum. Leans on the …_by_time indexes of facts, for a group on those …_by_group; looks at each
 * fact of the scope and time.
 */
export async function countSumRows(tx: Transaction, question: SumQuestion): Promise<RowTotals> {
  const parameters = createStatementParameters();
  const parts = sourcesOf(question, parameters).map(
    ({ kind, amount }) =>
      `select (${amount})::numeric as amount from ${tables[kind].table} f
        where ${factsOf(kind, question, parameters)}`,
  );
  return readTotals(
    tx,
    `select count(*) as count, coalesce(sum(amount), 0)::text as amount
       from (${parts.join(' union all ')}) as part where amount <> 0`,
    parameters,
  );
}

/** A page of these rows. Leans on the same indexes, from the end, and stops when the page is full. */
export async function listSumRows(
  tx: Transaction,
  question: SumQuestion,
  after: RowCursor | undefined,
  limit: number,
): Promise<readonly FigureRow[]> {
  const parameters = createStatementParameters();
  const parts = sourcesOf(question, parameters).map(({ kind, amount }) => {
    const { table, key, at } = tables[kind];
    return `(
      select ${kinds.indexOf(kind)} as kind, f.${key} as key, f.${at} as at, f.bot_id, f.group_id,
             ${intents[kind]} as intent, ${conversationIds[kind]} as conversation_id, f.known_on,
             ((${amount})::numeric)::text as amount
        from ${table} f
       where ${factsOf(kind, question, parameters)} and (${amount}) <> 0
         and ${isAfter(kind, { at: `f.${at}`, key: `f.${key}` }, after, parameters)}
       order by f.${at} desc, f.${key} desc
       limit ${parameters.of(limit, 'integer')})`;
  });
  return readRows(
    tx,
    `select * from (${parts.join(' union all ')}) as part order by at desc, key desc, kind desc
      limit ${parameters.of(limit, 'integer')}`,
    parameters,
  );
}

/** Who is counted, each once. */
export interface PeopleQuestion extends RowQuestion {
  /** Members with an interaction, the users whose members had one, or members with a conversion of a value above 0. */
  readonly who: 'members' | 'users' | 'payers';
  /** Only these, by ordinal; undefined: all. */
  readonly among: Int32Array | undefined;
  /** The tenant's; of payers. */
  readonly currencyCode: string;
}

/** For each of them the first row of the time. */
function peopleSql(question: PeopleQuestion, parameters: StatementParameters): string {
  const { who, among, currencyCode, scope } = question;
  const kind = who === 'payers' ? 'conversion' : 'interaction';
  const { table, key, at } = tables[kind];
  const facts = factsOf(kind, question, parameters);
  const conditions = [facts, 'f.member_ordinal is not null'];
  if (among !== undefined) {
    conditions.push(`f.member_ordinal = any (${parameters.of([...among], 'integer[]')})`);
  }
  if (who === 'payers') {
    conditions.push(`f.currency_code = ${parameters.of(currencyCode, 'text')}`);
    // With a bot they count once it is known that it is its conversion.
    conditions.push(`f.${scope.botId === '' ? 'paid_on' : 'bot_paid_on'} is not null`);
  }
  const users =
    who === 'users'
      ? `join member_facts m
           on m.partition = f.partition and m.tenant_id = f.tenant_id and m.generation = f.generation
          and m.member_ordinal = f.member_ordinal and m.user_id <> ''`
      : '';
  const whom = who === 'users' ? 'm.user_id' : 'f.member_ordinal';
  return `
    select distinct on (${whom}) f.${key} as key, f.${at} as at, f.bot_id, f.group_id, ${intents[kind]} as intent,
           ${conversationIds[kind]} as conversation_id, f.known_on
      from ${table} f ${users}
     where ${conditions.join(' and ')}
     order by ${whom}, f.${at}, f.${key}`;
}

/** How many people there are. Leans on the indexes that `countSumRows` leans on. */
export async function countPeopleRows(tx: Transaction, question: PeopleQuestion): Promise<RowTotals> {
  const parameters = createStatementParameters();
  const people = peopleSql(question, parameters);
  return readTotals(
    tx,
    `select count(*) as count, count(*)::text as amount from (${people}) as first_of_each`,
    parameters,
  );
}

/** A page of these people. Each page looks at every fact of the scope and time. */
export async function listPeopleRows(
  tx: Transaction,
  question: PeopleQuestion,
  after: RowCursor | undefined,
  limit: number,
): Promise<readonly FigureRow[]> {
  const parameters = createStatementParameters();
  const people = peopleSql(question, parameters);
  return readRows(
    tx,
    `select ${kinds.indexOf('member')} as kind, first_of_each.*, '1' as amount from (${people}) as first_of_each
      where ${isAfter('member', { at: 'at', key: 'key' }, after, parameters)}
      order by at desc, key desc limit ${parameters.of(limit, 'integer')}`,
    parameters,
  );
}

async function readTotals(
  tx: Transaction,
  text: string,
  { values }: StatementParameters,
): Promise<RowTotals> {
  const { rows } = await tx.query<{ count: bigint; amount: string }>(text, values);
  return { count: Number(rows[0]?.count ?? 0n), amount: BigInt(rows[0]?.amount ?? '0') };
}

async function readRows(
  tx: Transaction,
  text: string,
  { values }: StatementParameters,
): Promise<readonly FigureRow[]> {
  const { rows } = await tx.query<{
    kind: number;
    key: string;
    at: Date;
    bot_id: string;
    group_id: string;
    intent: string;
    conversation_id: string;
    known_on: number | null;
    amount: string;
  }>(text, values);
  return rows.map((row) => ({
    kind: kinds[row.kind] ?? 'interaction',
    key: row.key,
    at: row.at,
    botId: row.bot_id,
    groupId: row.group_id,
    intent: row.intent,
    conversationId: row.conversation_id,
    knownOn: row.known_on,
    amount: BigInt(row.amount),
  }));
}
