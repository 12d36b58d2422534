import type { CopyType } from '@parley/database';

/** A table with one row for each event of a kind. */
export interface FactTable {
  readonly name: string;
  /** Those after the columns that all such tables begin with. */
  readonly columns: readonly (readonly [name: string, type: CopyType])[];
}

/** The columns that every table of facts begins with. */
export const leadingColumns = [
  ['partition', 'int4'],
  ['generation', 'int4'],
  ['tenant_id', 'uuid'],
  ['event_key', 'uuid'],
  ['log_offset', 'int8'],
  ['occurred_at', 'timestamptz'],
  ['sent_at', 'timestamptz'],
  ['received_at', 'timestamptz'],
] as const satisfies FactTable['columns'];

const money = [
  ['value_minor_units', 'int8'],
  ['currency_code', 'text'],
  ['minor_digits', 'int2'],
] as const satisfies FactTable['columns'];
const attributes = ['attributes', 'jsonb'] as const;

/** The tables of facts, by the kind of event that each holds. */
export const factTables = {
  interaction: {
    name: 'interaction_rows',
    columns: [
      ['interaction_id', 'text'],
      ['bot_id', 'text'],
      ['group_id', 'text'],
      ['member_id', 'text'],
      ['conversation_id', 'text'],
      ['channel', 'text'],
      ['message_text', 'text'],
      ['intent', 'text'],
      ['intent_score', 'float8'],
      ['sentiment', 'text'],
      ['response_text', 'text'],
      ['response_time_ms', 'int4'],
      ['error_code', 'text'],
      attributes,
      ['intent_given', 'bool'],
      ['sentiment_given', 'bool'],
      ['understanding', 'jsonb'],
      ['reported_at', 'timestamptz'],
      ['response_omitted', 'bool'],
    ],
  },
  completion: {
    name: 'completion_rows',
    columns: [
      ['interaction_id', 'text'],
      ['response_text', 'text'],
      ['response_time_ms', 'int4'],
      ['error_code', 'text'],
      attributes,
      ['response_omitted', 'bool'],
    ],
  },
  conversion: {
    name: 'conversion_rows',
    columns: [
      ['conversion_id', 'text'],
      ['interaction_id', 'text'],
      ['interaction_key', 'uuid'],
      ['bot_id', 'text'],
      ['group_id', 'text'],
      ['member_id', 'text'],
      ['intent', 'text'],
      ['trigger_message', 'text'],
      ['intent_score', 'float8'],
      ['bot_message', 'text'],
      ['outcome', 'text'],
      ['conversion_type', 'text'],
      ...money,
      ['checkout_completed', 'bool'],
      ['pages_visited', 'jsonb'],
      ['time_to_conversion_seconds', 'float8'],
      attributes,
    ],
  },
  refund: {
    name: 'refund_rows',
    columns: [
      ['refund_id', 'text'],
      ['conversion_id', 'text'],
      ['conversion_key', 'uuid'],
      ...money,
      ['reason', 'text'],
      attributes,
    ],
  },
  feedback: {
    name: 'feedback_rows',
    columns: [
      ['feedback_id', 'text'],
      ['type', 'text'],
      ['rating', 'float8'],
      ['scale_min', 'float8'],
      ['scale_max', 'float8'],
      ['interaction_id', 'text'],
      ['conversation_id', 'text'],
      ['bot_id', 'text'],
      ['group_id', 'text'],
      ['member_id', 'text'],
      ['comment', 'text'],
      attributes,
    ],
  },
  handoff: {
    name: 'handoff_rows',
    columns: [
      ['handoff_id', 'text'],
      ['interaction_id', 'text'],
      ['conversation_id', 'text'],
      ['bot_id', 'text'],
      ['group_id', 'text'],
      ['member_id', 'text'],
      ['reason', 'text'],
      ['actor', 'text'],
      attributes,
    ],
  },
  botPerformanceMetric: {
    name: 'bot_performance_metric_rows',
    columns: [
      ['metric_id', 'text'],
      ['bot_id', 'text'],
      ['metric_category', 'text'],
      ['metric_type', 'text'],
      ['metric_value', 'float8'],
      ['aggregation_period', 'text'],
      ['sample_size', 'int8'],
      attributes,
    ],
  },
} as const satisfies Readonly<Record<string, FactTable>>;

export type FactKind = keyof typeof factTables;
