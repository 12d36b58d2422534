import type { ConversationState } from './conversation-state.ts';
import { evaluateKpi } from './kpi-definition.ts';
import type { KpiDefinition } from './kpi-definition.ts';
import type { KpiState } from './kpi-state.ts';
import type { KpiValue } from './kpi-value.ts';

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

/** A definition of a figure about conversations. */
export interface ConversationDefinition extends KpiDefinition<readonly [sums: ConversationSums]> {
  /** Whether the value depends on the inactivity gap, which its definition id then names: `…?gap=30m`. */
  readonly dependsOnGap: boolean;
}

/** The figure that the definition gives for these conversations. */
export function evaluateConversationKpi(
  definition: ConversationDefinition,
  sums: ConversationSums,
): KpiValue {
  const value = evaluateKpi(definition, sums);
  if (!definition.dependsOnGap) return value;
  return { ...value, definitionId: `${value.definitionId}?gap=${gapName(sums.gapMs)}` };
}

/** In whole minutes where it is that, else in seconds. */
function gapName(gapMs: number | undefined): string {
  if (gapMs === undefined) return 'mixed';
  return gapMs % 60_000 === 0 ? `${gapMs / 60_000}m` : `${gapMs / 1_000}s`;
}
