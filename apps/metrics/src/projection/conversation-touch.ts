import type { Thread } from './thread.ts';

/** What came of a conversation, each counted. */
export type Signal = 'handoffCount' | 'convertedCount' | 'visitedCount' | 'ratedCount';

/** An interaction that is in a conversation. */
export interface InteractionTouch {
  readonly kind: 'interaction';
  readonly thread: Thread;
  readonly key: string;
  readonly occurredAt: Date;
  readonly botId: string;
  readonly groupId: string;
  readonly channel: string;
  readonly intent: string;
  readonly memberOrdinal: number | null;
}

/** One of them got another intent. */
export interface IntentTouch extends Pick<InteractionTouch, 'thread' | 'key' | 'occurredAt' | 'botId'> {
  readonly kind: 'intent';
  readonly from: string;
  readonly to: string;
}

/** Something came of one of them; undefined: of the conversation, which then has an id. */
export interface SignalTouch {
  readonly kind: 'signal';
  readonly thread: Thread;
  readonly occurredAt: Date | undefined;
  readonly signal: Signal;
}

/** What changes a conversation. */
export type ConversationTouch = InteractionTouch | IntentTouch | SignalTouch;
