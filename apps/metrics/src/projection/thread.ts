import { eventKeyOf } from '@parley/event';
import { factKey } from './fact-key.ts';

/** In which conversation, or in which row of conversations one after the other, something was said. */
export interface Thread {
  readonly tenantId: string;
  /** 128 bits of a hash of what names it, as UUID text. */
  readonly threadKey: string;
  /** The `factKey` of both. */
  readonly place: string;
  /** The id that producers gave; empty: the sessions of one member with one bot in one group. */
  readonly conversationId: string;
}

/** What tells in which thread an interaction is. */
export interface Said {
  readonly tenantId: string;
  readonly conversationId: string;
  readonly botId: string;
  readonly groupId: string;
  readonly memberOrdinal: number | null;
}

/** Undefined for what nobody is known to have said outside of a conversation that has an id. */
export function threadOf({
  tenantId,
  conversationId,
  botId,
  groupId,
  memberOrdinal,
}: Said): Thread | undefined {
  if (conversationId !== '') return explicitThread(tenantId, conversationId);
  if (memberOrdinal === null) return undefined;
  const threadKey = eventKeyOf(`sessions ${JSON.stringify([botId, groupId, memberOrdinal])}`);
  return { tenantId, threadKey, place: factKey(tenantId, threadKey), conversationId };
}

/** The conversation of that id; it may span bots, groups and members. */
export function explicitThread(tenantId: string, conversationId: string): Thread {
  const threadKey = eventKeyOf(`conversation ${conversationId}`);
  return { tenantId, threadKey, place: factKey(tenantId, threadKey), conversationId };
}
