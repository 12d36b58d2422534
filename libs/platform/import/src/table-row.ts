import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

const numbers = [
  'intent_score',
  'intent_confidence',
  'response_time_ms',
  'conversion_value',
  'value',
  'time_to_conversion_seconds',
  'time_taken',
  'csat_rating',
  'rating',
  'scale_min',
  'scale_max',
  'metric_value',
  'sample_size',
];
const flags = ['checkout_completed', 'completed', 'response_omitted'];
const structures = ['attributes', 'pages_visited', 'journey', 'segments'];
const texts = [
  ...[
    'type',
    'id',
    'event_id',
    'timestamp',
    'occurred_at',
    'sent_at',
    'tenant',
    'bot_id',
    'group_id',
    'member_id',
  ],
  ...[
    'user_id',
    'session_id',
    'conversation_id',
    'channel',
    'message_text',
    'intent',
    'sentiment',
    'response_text',
  ],
  ...[
    'error_code',
    'interaction_id',
    'conversion_id',
    'trigger_message',
    'trigger',
    'bot_message',
    'bot_response',
  ],
  ...[
    'outcome',
    'conversion_type',
    'currency',
    'feedback_type',
    'comment',
    'reason',
    'actor',
    'metric_category',
  ],
  ...['metric_type', 'aggregation_period'],
];
const fields = new Set([...numbers, ...flags, ...structures, ...texts]);

/** The names of fields that a line may have, whatever its type. */
export const lineFields: readonly string[] = [...fields].toSorted();

/**
 * A row of a table as a line in the guide's names: a column whose name is a field's (`Message Text` is `message_text`)
 * is that field, every other one an attribute. Cells become numbers, truth values and lists where the field is one; what
 * can't is left as it is, and told when the line is read.
 */
export function readTableRow(row: JsonObject, decimalSeparator: '.' | ','): JsonObject {
  const line: Record<string, JsonValue> = {};
  const others: Record<string, JsonValue> = {};
  for (const [column, cell] of Object.entries(row)) {
    const name = column
      .trim()
      .toLowerCase()
      .replaceAll(/[\s-]+/g, '_');
    if (fields.has(name)) line[name] = toValue(name, cell, decimalSeparator);
    else others[column] = cell;
  }
  if (Object.keys(others).length > 0) {
    const given = line['attributes'];
    line['attributes'] = typeof given === 'object' ? { ...others, ...(given as JsonObject) } : others;
  }
  return { type: 'interaction', ...line };
}

function toValue(name: string, cell: JsonValue, decimalSeparator: '.' | ','): JsonValue {
  if (typeof cell !== 'string') return cell;
  if (numbers.includes(name)) {
    const text = decimalSeparator === ',' ? cell.trim().replace(',', '.') : cell.trim();
    return /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : cell;
  }
  if (flags.includes(name)) {
    const text = cell.trim().toLowerCase();
    return ['true', '1', 'yes'].includes(text) ? true : ['false', '0', 'no'].includes(text) ? false : cell;
  }
  if (structures.includes(name) && /^\s*[[{]/.test(cell)) {
    try {
      return JSON.parse(cell) as JsonValue;
    } catch {
      // A text that merely begins like JSON.
      return cell;
    }
  }
  return cell;
}
