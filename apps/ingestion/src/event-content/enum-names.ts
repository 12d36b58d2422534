import {
  AggregationPeriod,
  FeedbackType,
  HandoffActor,
  MetricCategory,
  Outcome,
  Sentiment,
} from '@parley/contracts/parley/ingestion/v1/event';

// The guide's words for the contract's numbers, as the read model keeps them.

const sentiments: ReadonlyMap<Sentiment, string> = new Map([
  [Sentiment.POSITIVE, 'positive'],
  [Sentiment.NEUTRAL, 'neutral'],
  [Sentiment.NEGATIVE, 'negative'],
]);
const outcomes: ReadonlyMap<Outcome, string> = new Map([
  [Outcome.PURCHASED, 'purchased'],
  [Outcome.VISITED, 'visited'],
  [Outcome.DID_NOTHING, 'did_nothing'],
  [Outcome.RESOLVED, 'resolved'],
]);
const feedbackTypes: ReadonlyMap<FeedbackType, string> = new Map([
  [FeedbackType.UNSPECIFIED, 'csat'],
  [FeedbackType.CSAT, 'csat'],
  [FeedbackType.NPS, 'nps'],
  [FeedbackType.CES, 'ces'],
  [FeedbackType.THUMBS, 'thumbs'],
]);
const handoffActors: ReadonlyMap<HandoffActor, string> = new Map([
  [HandoffActor.MEMBER, 'member'],
  [HandoffActor.BOT, 'bot'],
  [HandoffActor.HUMAN, 'human'],
]);
const metricCategories: ReadonlyMap<MetricCategory, string> = new Map([
  [MetricCategory.CUSTOMER_EXPERIENCE, 'customer_experience'],
  [MetricCategory.OPERATIONAL_EFFICIENCY, 'operational_efficiency'],
  [MetricCategory.ENGAGEMENT, 'engagement'],
  [MetricCategory.MONETIZATION, 'monetization'],
  [MetricCategory.HEALTH, 'health'],
]);
const aggregationPeriods: ReadonlyMap<AggregationPeriod, string> = new Map([
  [AggregationPeriod.HOURLY, 'hourly'],
  [AggregationPeriod.DAILY, 'daily'],
  [AggregationPeriod.WEEKLY, 'weekly'],
  [AggregationPeriod.MONTHLY, 'monthly'],
]);

/** Undefined: not known. */
export function sentimentName(sentiment: Sentiment): string | undefined {
  return sentiment === Sentiment.UNSPECIFIED ? undefined : nameOf(sentiments, sentiment);
}

/** The sentiment of that name; unspecified for none. */
export function parseSentiment(name: string | null): Sentiment {
  const found = [...sentiments].find(([, known]) => known === name);
  return found?.[0] ?? Sentiment.UNSPECIFIED;
}

export function outcomeName(outcome: Outcome): string {
  return nameOf(outcomes, outcome);
}

/** Unspecified is CSAT. */
export function feedbackTypeName(type: FeedbackType): string {
  return nameOf(feedbackTypes, type);
}

/** Undefined: not known. */
export function handoffActorName(actor: HandoffActor): string | undefined {
  return actor === HandoffActor.UNSPECIFIED ? undefined : nameOf(handoffActors, actor);
}

export function metricCategoryName(category: MetricCategory): string {
  return nameOf(metricCategories, category);
}

export function aggregationPeriodName(period: AggregationPeriod): string {
  return nameOf(aggregationPeriods, period);
}

/** @throws RangeError for a number that validation does not let in. */
function nameOf<Value extends number>(names: ReadonlyMap<Value, string>, value: Value): string {
  const name = names.get(value);
  if (name === undefined) throw new RangeError(`No event may hold the enum value ${value}.`);
  return name;
}
