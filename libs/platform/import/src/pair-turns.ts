import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** One message of a conversation in whatever log. */
export interface ChatMessage {
  readonly role: 'user' | 'assistant' | 'system' | 'tool';
  readonly text: string;
  /** What else it says, such as calls of tools. */
  readonly extra?: JsonValue | undefined;
}

/** What a user said and what was answered. */
export interface Turn {
  readonly message: string;
  /** Undefined: nothing was. */
  readonly response: string | undefined;
  /** What was said to or by others in between: `system`, `tools`, `preceding`. */
  readonly attributes: JsonObject;
}

/**
 * Each user's message with the next of the assistant's. What the assistant says after tools have answered belongs to the
 * same answer. System and tool messages, and what the assistant says before any user does, become attributes.
 */
export function pairTurns(messages: readonly ChatMessage[]): readonly Turn[] {
  const turns: { message: string; responses: string[]; before: Gathered; tools: JsonValue[] }[] = [];
  let before: Gathered = { system: [], preceding: [] };
  for (const { role, text, extra } of messages) {
    const turn = turns.at(-1);
    switch (role) {
      case 'user':
        turns.push({ message: text, responses: [], before, tools: [] });
        before = { system: [], preceding: [] };
        break;
      case 'assistant':
        if (turn === undefined) before.preceding.push(text);
        else if (text !== '') turn.responses.push(text);
        if (extra !== undefined) turn?.tools.push(extra);
        break;
      case 'tool':
        turn?.tools.push(extra ?? text);
        break;
      case 'system':
        before.system.push(text);
    }
  }
  return turns.map(({ message, responses, before: { system, preceding }, tools }) => ({
    message,
    response: responses.length === 0 ? undefined : responses.join('\n'),
    attributes: {
      ...(system.length > 0 && { system: system.join('\n') }),
      ...(preceding.length > 0 && { preceding: preceding.join('\n') }),
      ...(tools.length > 0 && { tools }),
    },
  }));
}

interface Gathered {
  readonly system: string[];
  readonly preceding: string[];
}
