import { figures } from './figures.ts';
import type { KpiMeaning } from './kpi-definition.ts';

/** What every figure means, in the order of their ids. */
export const allKpiMeanings: readonly KpiMeaning[] = figures.map(({ meaning }) => meaning);
