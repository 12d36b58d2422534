import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { contentText, isObject } from './chat-record.ts';

/** Keys in which a trace's input or output holds its text, where it is no message. */
const textKeys = [
  'input',
  'question',
  'query',
  'message',
  'prompt',
  'text',
  'output',
  'answer',
  'response',
  'result',
];
const read = new Set([
  'id',
  'timestamp',
  'starttime',
  'name',
  'userid',
  'sessionid',
  'input',
  'output',
  'latency',
  'statusmessage',
]);

/**
 * A trace or observation as Langfuse exports it, in JSON or CSV: one interaction. The columns' names vary with the view,
 * so they are compared by letters alone (`userId`, `user_id`, `User ID`).
 */
export function readLangfuse(record: JsonObject): JsonObject {
  const cells = new Map(Object.entries(record).map(([name, value]) => [plain(name), value] as const));
  const latency = Number(cells.get('latency') ?? Number.NaN);
  const level = cells.get('level');
  const attributes = Object.fromEntries(
    Object.entries(record)
      .filter(([name, value]) => !read.has(plain(name)) && value !== null)
      .map(([name, value]) => [name, unfold(value)]),
  );
  return {
    type: 'interaction',
    ...given('id', cells.get('id')),
    ...given('timestamp', cells.get('timestamp') ?? cells.get('starttime')),
    ...given('bot_id', cells.get('name')),
    ...given('member_id', cells.get('userid')),
    ...given('session_id', cells.get('sessionid')),
    ...given('message_text', saidBy('user', cells.get('input'))),
    ...given('response_text', saidBy('assistant', cells.get('output'))),
    ...(Number.isFinite(latency) && { response_time_ms: Math.round(latency * 1000) }),
    ...(level === 'ERROR' && {
      error_code: contentText(cells.get('statusmessage')).slice(0, 200) || 'ERROR',
    }),
    ...(Object.keys(attributes).length > 0 && { attributes }),
  };
}

function given(name: string, value: JsonValue | undefined): JsonObject {
  return value === undefined || value === null || value === '' ? {} : { [name]: value };
}

/** The last text of a role in what may be a text, messages, something that holds either, or JSON of that in a cell. */
function saidBy(role: string, cell: JsonValue | undefined): string {
  const value = unfold(cell);
  if (Array.isArray(value)) {
    const messages = value.filter(isObject);
    const last = messages.findLast((message) => message['role'] === role) ?? messages.at(-1);
    return last === undefined ? contentText(value) : contentText(last['content']);
  }
  if (!isObject(value)) return contentText(value);
  const inner = value['messages'] ?? value['choices'];
  if (inner !== undefined) return saidBy(role, inner);
  if (value['message'] !== undefined) return saidBy(role, value['message']);
  if (value['content'] !== undefined) return contentText(value['content']);
  const key = textKeys.find((name) => value[name] !== undefined);
  return key === undefined ? JSON.stringify(value) : saidBy(role, value[key]);
}

/** JSON in a cell as what it says. */
function unfold<Cell extends JsonValue | undefined>(cell: Cell): Cell | JsonValue {
  if (typeof cell !== 'string' || !/^\s*["{[]/.test(cell)) return cell;
  try {
    return JSON.parse(cell) as JsonValue;
  } catch {
    // A text that merely begins like JSON.
    return cell;
  }
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]/g, '');
}
