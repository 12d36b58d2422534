import { FeedbackType } from '@parley/contracts/parley/ingestion/v1/event';
import type { Feedback } from '@parley/contracts/parley/ingestion/v1/event';

/** The lowest and the highest rating. */
export interface Scale {
  readonly min: number;
  readonly max: number;
}

const csat: Scale = { min: 1, max: 5 };
const scales: ReadonlyMap<FeedbackType, Scale> = new Map([
  [FeedbackType.UNSPECIFIED, csat],
  [FeedbackType.CSAT, csat],
  [FeedbackType.NPS, { min: 0, max: 10 }],
  [FeedbackType.CES, { min: 1, max: 7 }],
  [FeedbackType.THUMBS, { min: 0, max: 1 }],
]);

/** The scale that a type has unless the feedback says otherwise; undefined for an unknown type. */
export function findScaleOfType(type: FeedbackType): Scale | undefined {
  return scales.get(type);
}

/** The scale of a rating: its own where it gives one, else its type's. */
export function scaleOf({
  type,
  scaleMin,
  scaleMax,
}: Pick<Feedback, 'type' | 'scaleMin' | 'scaleMax'>): Scale {
  const { min, max } = findScaleOfType(type) ?? csat;
  return { min: scaleMin ?? min, max: scaleMax ?? max };
}
