import type { History } from './history.ts';

/** 0 not known, 1 positive, 2 neutral, 3 negative: the numbers of the contract. */
export type Sentiment = 0 | 1 | 2 | 3;
/** 1 purchased, 2 visited, 3 did nothing, 4 resolved: the numbers of the contract. */
export type Outcome = 1 | 2 | 3 | 4;
/** 1 CSAT, 2 NPS, 3 CES, 4 thumbs: the numbers of the contract. */
export type FeedbackType = 1 | 2 | 3 | 4;

/** What a dimension is called while nobody has said it. */
export const unknown = 'unknown';

/** What an interaction counts as, merged from all that came about it. Empty text: not given. */
export interface InteractionFact extends History {
  readonly tenantId: string;
  readonly interactionKey: string;
  /** Null: only its completion or enrichment has come so far, and it counts nowhere yet. */
  readonly occurredAt: Date | null;
  readonly botId: string;
  readonly groupId: string;
  readonly conversationId: string;
  readonly channel: string;
  /** Null: anonymous. */
  readonly memberOrdinal: number | null;
  readonly intent: string;
  readonly sentiment: Sentiment;
  /** Whether the producer said it: then no model changes it. */
  readonly intentGiven: boolean;
  readonly sentimentGiven: boolean;
  readonly hasResponse: boolean;
  readonly responseTimeMs: number | null;
  readonly hasError: boolean;
  /** The first completion stays. */
  readonly completed: boolean;
  /** The day on which the first event about it was received, in days since 1970. Null: by code that did not keep it. */
  readonly seenOn: number | null;
  /** See `withIntentSince`. Null: the intent is that with which it came. */
  readonly intents: string | null;
}

/** What a conversion counts as. */
export interface ConversionFact extends History {
  readonly tenantId: string;
  readonly conversionKey: string;
  readonly interactionKey: string;
  readonly occurredAt: Date;
  /** What the conversion itself said; empty: nothing. */
  readonly ownBotId: string;
  readonly ownGroupId: string;
  readonly ownIntent: string;
  /** What counts: its own, else its interaction's, else `unknown` until that comes. */
  readonly botId: string;
  readonly groupId: string;
  readonly intent: string;
  readonly outcome: Outcome;
  readonly checkoutCompleted: boolean;
  readonly valueMinorUnits: bigint;
  /** Empty: no value was given. */
  readonly currencyCode: string;
  /** What of it was refunded, in its own currency. */
  readonly refundedMinorUnits: bigint;
  /** Whom the conversion itself named. Null: nobody. */
  readonly ownMemberOrdinal: number | null;
  /** Whose it is: its own, else its interaction's. Null: nobody's, or not known yet. */
  readonly memberOrdinal: number | null;
  /** The day from which on its member counts as one who paid. Null: it does not. */
  readonly paidOn: number | null;
  /** The same with its bot; that may become known later. */
  readonly botPaidOn: number | null;
}

/** What a refund counts as. */
export interface RefundFact extends History {
  readonly tenantId: string;
  readonly refundKey: string;
  readonly conversionKey: string;
  readonly occurredAt: Date;
  /** Its conversion's, `unknown` until that comes. */
  readonly botId: string;
  readonly groupId: string;
  readonly intent: string;
  readonly valueMinorUnits: bigint;
  readonly currencyCode: string;
}

/** What a rating counts as. */
export interface FeedbackFact extends History {
  readonly tenantId: string;
  readonly feedbackKey: string;
  /** Null: about no interaction in particular. */
  readonly interactionKey: string | null;
  /** The conversation that it names. Null: its interaction's. */
  readonly threadKey: string | null;
  readonly occurredAt: Date;
  readonly ownBotId: string;
  readonly ownGroupId: string;
  readonly botId: string;
  readonly groupId: string;
  readonly type: FeedbackType;
  /** In millionths of a point. Null: asked and not answered. */
  readonly ratingMicros: number | null;
  readonly scaleMaxMicros: number;
}

/** A conversation was given to a human. */
export interface HandoffFact {
  readonly tenantId: string;
  readonly handoffKey: string;
  /** The interaction in whose conversation. Null: the conversation is named. */
  readonly interactionKey: string | null;
  readonly threadKey: string | null;
  /** The day on which it was received, in days since 1970. */
  readonly knownOn: number;
}

/** A member's record. */
export interface MemberFact {
  readonly tenantId: string;
  readonly memberOrdinal: number;
  /** Empty: which user it is is not known. */
  readonly userId: string;
  /** Each once, in ascending order. */
  readonly segments: readonly string[];
  readonly occurredAt: Date;
  readonly eventKey: string;
}

/** A user's earliest record. */
export interface UserFact {
  readonly tenantId: string;
  readonly userId: string;
  readonly firstOccurredAt: Date;
}
