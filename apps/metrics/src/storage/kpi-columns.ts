import type { ConversationCounter, KpiCounter } from '@parley/kpi';

/** The column of a counter: `csat_top2_count`. */
export function columnOf(counter: KpiCounter | ConversationCounter): string {
  return counter.replaceAll(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
}
