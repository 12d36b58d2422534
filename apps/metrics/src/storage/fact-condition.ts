import { unknown } from '../projection/facts.ts';
import type { Dimension } from './figure-source.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import type { StatementParameters } from './statement-parameters.ts';

/** Tables with a row for each thing that happened at a time. */
export type FactTableName =
  'interaction_facts' | 'conversion_facts' | 'refund_facts' | 'feedback_facts' | 'conversation_facts';

/** When a fact of a table occurred. A conversation counts where it begins. */
export function timeOf(table: FactTableName): string {
  return table === 'conversation_facts' ? 'f.started_at' : 'f.occurred_at';
}

/** What a fact is of. Text and numbers are null, empty or 0 where they are not known. */
interface Attributes {
  readonly bot: Attribute;
  readonly group: Attribute;
  readonly intent: Attribute;
  readonly channel: Attribute;
  /** 1 positive, 2 neutral, 3 negative. */
  readonly sentiment: Attribute;
  readonly member: Attribute;
}

interface Attribute {
  readonly value: string;
  /** Whether it was known on the day that is asked about. Absent: since the fact was. */
  readonly isKnown?: string;
}

const sameRow = (other: string, of = 'f') =>
  ['partition', 'tenant_id', 'generation'].map((name) => `${other}.${name} = ${of}.${name}`).join(' and ');

/** Of an interaction that has come itself: what a fact that points to it takes from there. */
function ofInteraction(column: string, key: string, { of = 'f', asOf }: { of?: string; asOf?: string }) {
  const known = asOf === undefined ? '' : ` and i.known_on <= ${asOf}`;
  return `(select ${column} from interaction_facts i
            where i.interaction_key = ${key} and ${sameRow('i', of)} and i.occurred_at is not null${known})`;
}

function ofConversion(value: string): string {
  return `(select ${value} from conversion_facts c where c.conversion_key = f.conversion_key and ${sameRow('c')})`;
}

/**
 * Sub-selects, each by a whole key, not joins: the planner can go no other way, and a condition stays a condition, which can
 * be put into any statement whose facts are called f.
 * @param asOf the parameter of the day; undefined: all that is known now.
 */
function attributesOf(table: FactTableName, asOf: string | undefined): Attributes {
  const day = asOf === undefined ? {} : { asOf };
  const linked = (column: string): Attribute => ({
    value: ofInteraction(`i.${column}`, 'f.interaction_key', day),
  });
  // What is taken from the interaction was known once that had come; what a fact says itself, since it had.
  const ownOr = (value: string, isOwn: string, isLinked: string): Attribute =>
    asOf === undefined ? { value } : { value, isKnown: `(${isOwn} or ${isLinked})` };
  const isLinked = `coalesce(${ofInteraction('true', 'f.interaction_key', day)}, false)`;
  switch (table) {
    case 'interaction_facts':
      return {
        bot: { value: 'f.bot_id' },
        group: { value: 'f.group_id' },
        intent: { value: 'f.intent' },
        channel: { value: 'f.channel' },
        sentiment: { value: 'f.sentiment' },
        member: { value: 'f.member_ordinal' },
      };
    case 'conversation_facts':
      return {
        bot: { value: 'f.bot_id' },
        group: { value: 'f.group_id' },
        intent: { value: 'f.intent' },
        channel: { value: 'f.channel' },
        sentiment: { value: ofInteraction('i.sentiment', 'f.first_key', day) },
        member: { value: 'f.member_ordinal' },
      };
    case 'conversion_facts':
      return {
        bot: ownOr('f.bot_id', "f.own_bot_id <> ''", isLinked),
        group: ownOr('f.group_id', "f.own_group_id <> ''", isLinked),
        intent: ownOr('f.intent', "f.own_intent <> ''", isLinked),
        channel: linked('channel'),
        sentiment: linked('sentiment'),
        member: ownOr('f.member_ordinal', 'f.own_member_ordinal is not null', isLinked),
      };
    case 'feedback_facts':
      return {
        bot: ownOr('f.bot_id', "f.own_bot_id <> ''", isLinked),
        group: ownOr('f.group_id', "f.own_group_id <> ''", isLinked),
        intent: linked('intent'),
        channel: linked('channel'),
        sentiment: linked('sentiment'),
        member: linked('member_ordinal'),
      };
    case 'refund_facts': {
      const ofItsInteraction = (value: string) =>
        ofInteraction(value, 'c.interaction_key', { of: 'c', ...day });
      const isKnownConversion = (isOwn: string) =>
        `coalesce(${ofConversion(
          `coalesce(c.known_on <= ${asOf} and (${isOwn} or ${ofItsInteraction('true')}), false)`,
        )}, false)`;
      const ofIts = (value: string, isOwn: string): Attribute =>
        asOf === undefined ? { value } : { value, isKnown: isKnownConversion(isOwn) };
      const through = (column: string): Attribute => ({
        value: ofConversion(
          asOf === undefined
            ? ofItsInteraction(`i.${column}`)
            : `case when c.known_on <= ${asOf} then ${ofItsInteraction(`i.${column}`)} end`,
        ),
      });
      return {
        bot: ofIts('f.bot_id', "c.own_bot_id <> ''"),
        group: ofIts('f.group_id', "c.own_group_id <> ''"),
        intent: ofIts('f.intent', "c.own_intent <> ''"),
        channel: through('channel'),
        sentiment: through('sentiment'),
        member: ofIts(ofConversion('c.member_ordinal'), 'c.own_member_ordinal is not null'),
      };
    }
  }
}

const sentiments: readonly string[] = [unknown, 'positive', 'neutral', 'negative'];

/**
 * That a fact f is one of a scope, and was known at the end of a day: the same for what is added up and for what is listed.
 * Times are asked for beside it. A question about a named group is left with the …_by_group indexes of facts, any other
 * one with those by time.
 * @param asOf in days since 1970; undefined: all that is known now. What was not known yet then is of no named group,
 * intent and so on; else a fact is of those that it is of now.
 */
export function factCondition(
  scope: ReadScope,
  table: FactTableName,
  parameters: StatementParameters,
  asOf?: number,
): string {
  const day = asOf === undefined ? undefined : parameters.of(asOf, 'integer');
  const attributes = attributesOf(table, day);
  const { botId, groupId, intent, channel, sentiment, segment } = scope;
  const conditions = [
    `f.partition = ${parameters.of(scope.partition, 'integer')}`,
    `f.tenant_id = ${parameters.of(scope.tenantId, 'uuid')}`,
    `f.generation = ${parameters.of(scope.generation, 'integer')}`,
    ...isText(attributes.bot, botId, parameters),
    ...isText(attributes.group, groupId, parameters),
    ...isText(attributes.intent, intent, parameters),
    ...isText(attributes.channel, channel, parameters),
    ...isSentiment(attributes.sentiment, sentiment, parameters),
    ...isInSegment(attributes.member, segment, parameters, scope),
  ];
  const isByGroup = groupId !== '' && (groupId !== unknown || asOf === undefined);
  if (!isByGroup) conditions.push("f.bot_id <> ''");
  if (day !== undefined) conditions.push(`f.known_on <= ${day}`);
  return conditions.join('\n          and ');
}

function isText(
  { value, isKnown }: Attribute,
  asked: string,
  parameters: StatementParameters,
): readonly string[] {
  if (asked === '') return [];
  if (asked !== unknown) {
    return [`${value} = ${parameters.of(asked, 'text')}`, ...(isKnown === undefined ? [] : [isKnown])];
  }
  const isNone = value.startsWith('(')
    ? `coalesce(${value}, '') in ('', '${unknown}')`
    : `${value} in ('', '${unknown}')`;
  return [isKnown === undefined ? isNone : `(${isNone} or not ${isKnown})`];
}

function isSentiment(
  { value }: Attribute,
  asked: string,
  parameters: StatementParameters,
): readonly string[] {
  if (asked === '') return [];
  return [`coalesce(${value}, 0) = ${parameters.of(sentiments.indexOf(asked), 'smallint')}`];
}

function isInSegment(
  { value, isKnown = 'true' }: Attribute,
  asked: string,
  parameters: StatementParameters,
  { partition, tenantId, generation }: ReadScope,
): readonly string[] {
  if (asked === '') return [];
  const name = parameters.of(asked, 'text');
  if (asked === unknown) {
    return [
      `(not ${isKnown} or coalesce(${ofMember(`m.segments = '{}' or ${name} = any (m.segments)`, value)}, true))`,
    ];
  }
  // All of the segment at once, or each by its key, as the planner thinks better.
  return [
    isKnown,
    `${value} in (
            select m.member_ordinal from member_facts m
             where m.partition = ${parameters.of(partition, 'integer')} and m.tenant_id = ${parameters.of(tenantId, 'uuid')}
               and m.generation = ${parameters.of(generation, 'integer')} and ${name} = any (m.segments))`,
  ];
}

function ofMember(column: string, member: string): string {
  return `(select ${column} from member_facts m where ${sameRow('m')} and m.member_ordinal = ${member})`;
}

/** The values of dimensions of a fact f, as expressions, and what has to stand behind f in the FROM for them. */
export interface DimensionColumns {
  readonly columns: readonly string[];
  /** Empty, or a join with the member; by `segment` one that gives a row for each of the member's segments. */
  readonly join: string;
}

/** See `factCondition` for the day. What is not known is `unknown`. */
export function dimensionColumns(
  table: FactTableName,
  dimensions: readonly Dimension[],
  parameters: StatementParameters,
  asOf?: number,
): DimensionColumns {
  const attributes = attributesOf(table, asOf === undefined ? undefined : parameters.of(asOf, 'integer'));
  const then = ({ value, isKnown }: Attribute) =>
    isKnown === undefined ? value : `case when ${isKnown} then ${value} end`;
  const columns = dimensions.map((dimension) => {
    if (dimension === 'segment') return 's.segment';
    if (dimension === 'segments')
      return `coalesce(nullif(array_to_string(m.segments, ' + '), ''), '${unknown}')`;
    const value = then(attributes[dimension]);
    if (dimension !== 'sentiment') return `coalesce(nullif(${value}, ''), '${unknown}')`;
    return `case ${value} ${sentiments.map((name, number) => `when ${number} then '${name}'`).join(' ')} else '${unknown}' end`;
  });
  // A join, which may look at all members at once.
  const members = `
     left join member_facts m on ${sameRow('m')} and m.member_ordinal = ${then(attributes.member)}`;
  const each = `
     cross join lateral unnest(coalesce(nullif(m.segments, '{}'), array['${unknown}'])) as s (segment)`;
  if (dimensions.includes('segment')) return { columns, join: members + each };
  return { columns, join: dimensions.includes('segments') ? members : '' };
}
