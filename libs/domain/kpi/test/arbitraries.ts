import fc from 'fast-check';
import { conversionContribution, feedbackContribution, interactionContribution } from '../src/index.ts';
import type { ConversionFact, FeedbackFact, InteractionFact } from '../src/index.ts';

export const intents = fc.constantFrom(
  undefined,
  'buy',
  'greet',
  'escalate',
  'Escalate',
  'escalation',
  'abandoned',
  'fallback',
);
export const sentiments = fc.constantFrom(
  undefined,
  'positive' as const,
  'neutral' as const,
  'negative' as const,
);
export const responseTimes = fc.oneof(fc.constantFrom(undefined, 0), fc.nat(86_400_000));
export const outcomes = fc.constantFrom<ConversionFact['outcome'][]>(
  'purchased',
  'visited',
  'did_nothing',
  'resolved',
);

const interactions: fc.Arbitrary<InteractionFact> = fc.record({
  intent: intents,
  sentiment: sentiments,
  hasResponse: fc.boolean(),
  responseTimeMs: responseTimes,
  hasError: fc.boolean(),
  isThreaded: fc.boolean(),
});
const ratings: fc.Arbitrary<FeedbackFact> = fc.record({
  type: fc.constantFrom<FeedbackFact['type'][]>('csat', 'csat', 'nps', 'ces', 'thumbs'),
  rating: fc.option(
    fc.nat(1000).map((hundredths) => hundredths / 100),
    { nil: undefined },
  ),
  scaleMax: fc.constantFrom(undefined, 5, 10),
});

/** What any one event adds to a state. */
export const contributions = fc.oneof(
  interactions.map(interactionContribution),
  fc.record({ outcome: outcomes }).map(conversionContribution),
  ratings.map(feedbackContribution),
);
