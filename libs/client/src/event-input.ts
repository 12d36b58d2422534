import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import type {
  BotPerformanceMetricSchema,
  CompletionSchema,
  ConversionSchema,
  Event,
  ExposureSchema,
  FeedbackSchema,
  HandoffSchema,
  InteractionSchema,
  MemberSchema,
  RefundSchema,
  UserSchema,
} from '@parley/contracts/parley/ingestion/v1/event';

/** What every event may say of itself. */
export interface EventIdentity {
  /** Your own id, 1 to 200 characters, unique within its kind; a UUIDv7 is made without one. */
  readonly eventId?: string | undefined;
  /** When it happened; now without one. */
  readonly occurredAt?: Date | undefined;
}

/** A message's fields as an object, with numbers where it counts whole things. */
type Fields<Schema extends DescMessage> = {
  readonly [Name in keyof PlainInit<Schema>]: bigint extends PlainInit<Schema>[Name]
    ? PlainInit<Schema>[Name] | number
    : PlainInit<Schema>[Name];
};
type PlainInit<Schema extends DescMessage> = Omit<
  Exclude<MessageInitShape<Schema>, { readonly $typeName: string }>,
  '$typeName' | '$unknown'
>;

/** A member's message to a bot; `botId` is required. */
export type InteractionInput = EventIdentity & Omit<Fields<typeof InteractionSchema>, 'understanding'>;
/** What the bot answered; its id is its interaction's. */
export type CompletionInput = Omit<EventIdentity, 'eventId'> & Fields<typeof CompletionSchema>;
/** What came of an interaction. */
export type ConversionInput = EventIdentity & Fields<typeof ConversionSchema>;
/** Money given back. */
export type RefundInput = EventIdentity & Fields<typeof RefundSchema>;
/** A rating. */
export type FeedbackInput = EventIdentity & Fields<typeof FeedbackSchema>;
/** A conversation given to a human. */
export type HandoffInput = EventIdentity & Fields<typeof HandoffSchema>;
/** What is known of a member. */
export type MemberInput = EventIdentity & Fields<typeof MemberSchema>;
/** What is known of a user. */
export type UserInput = EventIdentity & Fields<typeof UserSchema>;
/** A unit that was shown a variant. */
export type ExposureInput = EventIdentity & Fields<typeof ExposureSchema>;
/** A figure that was measured elsewhere. */
export type BotPerformanceMetricInput = EventIdentity & Fields<typeof BotPerformanceMetricSchema>;

/** The kinds of events that a bot's back end reports, as the contract names them. */
export type ReportedKind = Exclude<
  NonNullable<Event['payload']['case']>,
  'enrichment' | 'consent' | 'erasure' | 'tick'
>;
