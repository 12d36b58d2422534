import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { DomainError } from '@parley/errors';
import { eventKeyOf } from '@parley/event';
import { pairTurns, type ChatMessage } from './pair-turns.ts';

/** A conversation of a log as interactions, in the guide's field names; without bot, and perhaps without time. */
export interface ChatInteractions {
  /** Undefined: the log names none. */
  readonly at: JsonValue | undefined;
  readonly interactions: readonly JsonObject[];
}

/** A line of OpenAI's chat format: `messages` of role and content, the content a text or parts. */
export function readOpenAi(record: JsonObject): ChatInteractions {
  const messages = listOf(record, 'messages').map((message): ChatMessage => {
    const role = roleOf(openAiRoles, message['role'], 'messages.role');
    return { role, text: contentText(message['content']), extra: toolOf(message) };
  });
  return toInteractions('openai', record, messages, {
    at: record['timestamp'] ?? record['created_at'] ?? record['created'],
    memberId: record['user'],
  });
}

/** A ShareGPT conversation: `conversations` of from and value. */
export function readShareGpt(record: JsonObject): ChatInteractions {
  const messages = listOf(record, 'conversations').map((message): ChatMessage => {
    const role = roleOf(shareGptRoles, message['from'], 'conversations.from');
    return { role, text: contentText(message['value']) };
  });
  return toInteractions('sharegpt', record, messages, {
    at: record['timestamp'] ?? record['created_at'] ?? record['create_time'],
    memberId: record['user_id'],
  });
}

/** The text of a message's content: itself, or the text parts of a list. Null is empty. */
export function contentText(content: JsonValue | undefined): string {
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) {
    return content
      .map((part) => (isObject(part) ? contentText(part['text']) : contentText(part)))
      .filter((text) => text !== '')
      .join('\n');
  }
  if (isObject(content)) return contentText(content['text'] ?? content['content']);
  return String(content);
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Ids come from what was said, so that the same conversation read again is the same events. */
function toInteractions(
  format: string,
  record: JsonObject,
  messages: readonly ChatMessage[],
  { at, memberId }: { readonly at: JsonValue | undefined; readonly memberId: JsonValue | undefined },
): ChatInteractions {
  const turns = pairTurns(messages);
  if (turns.length === 0) throw malformed('NO_USER_TURN', 'Nobody but the bot says anything in it.');
  const given = record['id'] ?? record['conversation_id'];
  const conversation =
    typeof given === 'string' || typeof given === 'number'
      ? String(given)
      : eventKeyOf(`${format}:${JSON.stringify(messages)}`);
  const interactions = turns.map(({ message, response, attributes }, index): JsonObject => ({
    type: 'interaction',
    id: eventKeyOf(`${format}:${JSON.stringify([conversation, index, message, response ?? null])}`),
    session_id: conversation,
    message_text: message,
    ...(memberId !== undefined && memberId !== null && { member_id: memberId }),
    ...(response !== undefined && { response_text: response }),
    ...(Object.keys(attributes).length > 0 && { attributes }),
  }));
  return { at, interactions };
}

type Role = ChatMessage['role'];

const openAiRoles: Readonly<Record<string, Role>> = {
  user: 'user',
  assistant: 'assistant',
  system: 'system',
  developer: 'system',
  tool: 'tool',
  function: 'tool',
};
const shareGptRoles: Readonly<Record<string, Role>> = {
  ...openAiRoles,
  human: 'user',
  gpt: 'assistant',
  bard: 'assistant',
  bing: 'assistant',
  chatgpt: 'assistant',
  function_call: 'tool',
  observation: 'tool',
};

function roleOf(roles: Readonly<Record<string, Role>>, name: JsonValue | undefined, field: string): Role {
  const role = typeof name === 'string' && Object.hasOwn(roles, name) ? roles[name] : undefined;
  if (role === undefined) {
    throw malformed('UNKNOWN_ROLE', `${field}: ${JSON.stringify(name ?? null)} is no role that is known.`);
  }
  return role;
}

function listOf(record: JsonObject, name: string): readonly JsonObject[] {
  const list = record[name];
  if (Array.isArray(list) && list.every(isObject)) return list;
  throw malformed('NOT_THIS_FORMAT', `It has no list of messages under "${name}".`);
}

/** A call of tools, or the name of the tool that answers. */
function toolOf(message: JsonObject): JsonValue | undefined {
  const { role, content, tool_calls: calls, function_call: call, name, tool_call_id: id } = message;
  if (role === 'tool' || role === 'function') {
    return {
      ...(name !== undefined && { name }),
      ...(id !== undefined && { tool_call_id: id }),
      content: contentText(content),
    };
  }
  return calls ?? call ?? undefined;
}

export function malformed(reason: string, message: string): DomainError {
  return new DomainError(message, { kind: 'invalid-argument', reason });
}
