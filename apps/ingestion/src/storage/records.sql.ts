import type { JsonObject } from '@bufbuild/protobuf';
import type { Transaction } from '@parley/database';
import { isResponseOmitted } from './interactions.sql.ts';
import type { InteractionScope } from './interactions.sql.ts';

/** What can be exported. */
export type RecordKind = 'interactions' | 'conversions' | 'feedback';

export interface RecordFilter {
  readonly botId: string | undefined;
  readonly groupId: string | undefined;
  readonly memberId: string | undefined;
  /** By when it occurred; inclusive. */
  readonly windowStart: Date | undefined;
  /** Exclusive. */
  readonly windowEnd: Date | undefined;
}

/** Columns by the guide's names, in the order of the file; `null` where nothing is known. */
export type RecordRow = Readonly<
  Record<string, string | number | boolean | bigint | Date | JsonObject | readonly string[] | null>
>;

interface RecordSource {
  readonly from: string;
  /** Whose time and tenant the index is by. */
  readonly row: string;
  readonly columns: Readonly<Record<string, string>>;
  readonly id: string;
}

/** An interaction's row beside one that names it, by primary key. */
const itsInteraction = (row: string) =>
  `left join lateral (select * from interaction_rows i
                       where i.partition = $1 and i.generation = $2 and i.tenant_id = $3
                         and i.event_key = ${row} limit 1) i on true`;

const sources: Readonly<Record<RecordKind, RecordSource>> = {
  // By index interaction_rows_by_time, backwards, or one of a filter; the completion by primary key.
  interactions: {
    row: 'i',
    id: 'i.interaction_id',
    from: `interaction_rows i
      left join lateral (select * from completion_rows c
                          where c.partition = $1 and c.generation = $2 and c.tenant_id = $3
                            and c.event_key = i.event_key limit 1) c on true`,
    columns: {
      id: 'i.interaction_id',
      timestamp: 'i.occurred_at',
      sent_at: 'i.sent_at',
      bot_id: 'i.bot_id',
      group_id: 'i.group_id',
      member_id: 'i.member_id',
      session_id: 'i.conversation_id',
      channel: 'i.channel',
      message_text: 'i.message_text',
      intent: 'i.intent',
      intent_score: 'i.intent_score',
      sentiment: 'i.sentiment',
      response_text: 'coalesce(c.response_text, i.response_text)',
      response_omitted: `nullif(${isResponseOmitted}, false)`,
      response_time_ms: 'coalesce(c.response_time_ms, i.response_time_ms)',
      error_code: 'coalesce(c.error_code, i.error_code)',
      attributes: `case when c.attributes is null then i.attributes
                        else coalesce(i.attributes, '{}') || c.attributes end`,
    },
  },
  // By index conversion_rows_by_time.
  conversions: {
    row: 'v',
    id: 'v.conversion_id',
    from: `conversion_rows v ${itsInteraction('v.interaction_key')}`,
    columns: {
      id: 'v.conversion_id',
      timestamp: 'v.occurred_at',
      sent_at: 'v.sent_at',
      interaction_id: 'v.interaction_id',
      bot_id: 'coalesce(v.bot_id, i.bot_id)',
      group_id: 'coalesce(v.group_id, i.group_id)',
      member_id: 'coalesce(v.member_id, i.member_id)',
      intent: 'coalesce(v.intent, i.intent)',
      trigger_message: 'v.trigger_message',
      intent_score: 'v.intent_score',
      bot_message: 'v.bot_message',
      outcome: 'v.outcome',
      conversion_type: 'v.conversion_type',
      // A decimal number with as many digits as its currency has; the driver gives float8 as a number.
      conversion_value: '(v.value_minor_units / power(10::numeric, v.minor_digits))::float8',
      currency: 'v.currency_code',
      checkout_completed: 'v.checkout_completed',
      pages_visited: "nullif(v.pages_visited, '[]')",
      time_to_conversion_seconds: 'v.time_to_conversion_seconds',
      attributes: 'v.attributes',
    },
  },
  // By index feedback_rows_by_time.
  feedback: {
    row: 'f',
    id: 'f.feedback_id',
    from: `feedback_rows f
      left join lateral (select * from interaction_rows i
                          where i.partition = $1 and i.generation = $2 and i.tenant_id = $3
                            and i.event_key = ${keyOfText('f.interaction_id')} limit 1) i on true`,
    columns: {
      id: 'f.feedback_id',
      timestamp: 'f.occurred_at',
      sent_at: 'f.sent_at',
      interaction_id: 'f.interaction_id',
      session_id: 'f.conversation_id',
      bot_id: 'coalesce(f.bot_id, i.bot_id)',
      group_id: 'coalesce(f.group_id, i.group_id)',
      member_id: 'coalesce(f.member_id, i.member_id)',
      feedback_type: 'f.type',
      csat_rating: "case when f.type = 'csat' then f.rating end",
      rating: "case when f.type <> 'csat' then f.rating end",
      scale_min: 'f.scale_min',
      scale_max: 'f.scale_max',
      comment: 'f.comment',
      attributes: 'f.attributes',
    },
  },
};

/** The columns of a kind's file, in their order. */
export function recordColumns(kind: RecordKind): readonly string[] {
  return Object.keys(sources[kind].columns);
}

/** What somebody wrote, or was answered. */
const textColumns: Readonly<Record<RecordKind, readonly string[]>> = {
  interactions: ['message_text', 'response_text'],
  conversions: ['trigger_message', 'bot_message'],
  feedback: ['comment'],
};

/** Whether a row of the kind says what somebody wrote, or was answered. */
export function holdsText(kind: RecordKind, row: RecordRow): boolean {
  return textColumns[kind].some((column) => (row[column] ?? null) !== null);
}

/** Rows asked for at once: with the longest texts some 40 MiB, usually below one. */
const rowsAtOnce = 500;

/**
 * A tenant's records of a kind, the earliest first, ties by id, read through a cursor in the caller's transaction: never
 * more than 500 of them are held.
 */
export async function* readRecords(
  tx: Transaction,
  { partition, generation, tenantId }: InteractionScope,
  kind: RecordKind,
  filter: RecordFilter,
): AsyncGenerator<readonly RecordRow[], void, undefined> {
  const { row, from, columns, id } = sources[kind];
  const parameters: unknown[] = [partition, generation, tenantId];
  const conditions = [
    `${row}.partition = $1`,
    `${row}.generation = $2`,
    `${row}.tenant_id = $3`,
    `${row}.log_offset > 0`,
  ];
  const require = (condition: (parameter: string) => string, value: unknown): void => {
    if (value === undefined) return;
    parameters.push(value);
    conditions.push(condition(`$${parameters.length}`));
  };
  require((value) => `${columns['bot_id']} collate "C" = ${value}`, filter.botId);
  require((value) => `${columns['group_id']} collate "C" = ${value}`, filter.groupId);
  require((value) => `${columns['member_id']} collate "C" = ${value}`, filter.memberId);
  require((value) => `${row}.occurred_at >= ${value}`, filter.windowStart);
  require((value) => `${row}.occurred_at < ${value}`, filter.windowEnd);
  const selected = Object.entries(columns).map(([name, expression]) => `${expression} as "${name}"`);
  await tx.query(
    `declare exported no scroll cursor for
     select ${selected.join(', ')}
       from ${from}
      where ${conditions.join(' and ')}
      order by ${row}.occurred_at, ${id} collate "C"`,
    parameters,
  );
  for (;;) {
    const { rows } = await tx.query<RecordRow>(`fetch ${rowsAtOnce} from exported`);
    if (rows.length > 0) yield rows;
    if (rows.length < rowsAtOnce) return;
  }
}

/** As `eventKeyOf` in SQL. */
function keyOfText(text: string): string {
  return `case when ${text} ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then ${text}::uuid
               when ${text} is not null then encode(substring(sha256(convert_to(${text}, 'UTF8')) for 16), 'hex')::uuid end`;
}
