import { wilsonInterval } from '@parley/statistics';
import type { ConversationState } from './conversation-state.ts';
import type { KpiParts } from './kpi-definition.ts';
import type { KpiState } from './kpi-state.ts';
import type { KpiUnit, KpiValue } from './kpi-value.ts';

/** What the KPIs of conversations are computed from. */
export interface ConversationSums {
  /** Of the conversations that began in the window. */
  readonly conversations: ConversationState;
  /** Of the interactions in the window. */
  readonly interactions: KpiState;
  /** Interactions of the window without a response that may still get one within 5 minutes. */
  readonly awaitingCount: number;
  /** The inactivity gap by which the conversations were told apart; undefined where bots of the scope differ. */
  readonly gapMs: number | undefined;
}

/** What a figure about conversations means. A definition never changes; a change makes one with another version. */
export interface ConversationDefinition {
  /** Its version and name: `parley.v1/session_bounce_rate`. A value's also says the gap: `…?gap=30m`. */
  readonly definitionId: string;
  /** Its name: `session_bounce_rate`. */
  readonly name: string;
  readonly group: 'conversations' | 'customer_experience' | 'dialects';
  /** What it means, in a sentence. */
  readonly description: string;
  /** Its formula in words. */
  readonly formula: string;
  readonly unit: KpiUnit;
  /** Where the formula comes from. */
  readonly source: string;
  /** Whether the numerator is a part of the denominator, so that the value lies in 0 to 1 and has an interval. */
  readonly isProportion: boolean;
  /** Whether the value depends on the inactivity gap, which its definition id then names. */
  readonly dependsOnGap: boolean;
  /** The formula itself. */
  readonly parts: (sums: ConversationSums) => KpiParts;
}

/** The figure that the definition gives for these conversations. */
export function evaluateConversationKpi(
  definition: ConversationDefinition,
  sums: ConversationSums,
): KpiValue {
  const { definitionId, unit, isProportion, dependsOnGap } = definition;
  const { numerator, denominator, sampleSize, hasData } = definition.parts(sums);
  return {
    value: denominator > 0 ? numerator / denominator : 0,
    hasData,
    numerator,
    denominator,
    sampleSize,
    definitionId: dependsOnGap ? `${definitionId}?gap=${gapName(sums.gapMs)}` : definitionId,
    unit,
    ...(isProportion && hasData && { interval: wilsonInterval(numerator, denominator) }),
  };
}

/** In whole minutes where it is that, else in seconds. */
function gapName(gapMs: number | undefined): string {
  if (gapMs === undefined) return 'mixed';
  return gapMs % 60_000 === 0 ? `${gapMs / 60_000}m` : `${gapMs / 1_000}s`;
}
