import type { WindowCut } from '@parley/calendar';
import type { DistinctCounts, KpiState } from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { readDistinctCounts } from '../storage/active-people.sql.ts';
import { readKpiState } from '../storage/kpi-state.sql.ts';

/** Of what, and for which time, figures are asked. */
export interface KpiQuestion {
  readonly tenantId: string;
  /** The tenant's. */
  readonly partition: number;
  /** The tenant's, in whose units money is told. */
  readonly currencyCode: string;
  /** Empty: all bots. */
  readonly botId: string;
  /** Empty: all groups. */
  readonly groupId: string;
  /** These as in `ReadScope`. */
  readonly intent: string;
  readonly channel: string;
  readonly sentiment: string;
  readonly segment: string;
  readonly window: KpiWindow;
  /** Events up to this offset must be in the answer; undefined: what is known now. */
  readonly minPosition: bigint | undefined;
  /** Whether the answer must be as fresh as can be. */
  readonly isLive?: boolean;
  readonly signal: AbortSignal;
}

/** The time from `start` up to, not including, `end`; to the millisecond. */
export interface KpiWindow {
  readonly start: Date;
  readonly end: Date;
  readonly cut: WindowCut;
}

/** What sums up to the answer, and how far it reaches. */
export interface Sums {
  readonly state: KpiState;
  readonly watermark: ProjectionWatermark;
}

/** The same, with whom it is about. */
export interface SumsAndPeople extends Sums {
  readonly people: DistinctCounts;
}

/** The sums of a window, in one snapshot with their watermark. Throws as the reader does. */
export function readSums(reader: ProjectionReader, question: KpiQuestion): Promise<Sums> {
  return reader.read(question, async ({ tx, generation, watermark }) => ({
    state: await readKpiState(tx, { ...question, generation }, question.window),
    watermark,
  }));
}

/** The sums of a window and its distinct members and users, all in one snapshot. Throws as the reader does. */
export function readSumsAndPeople(reader: ProjectionReader, question: KpiQuestion): Promise<SumsAndPeople> {
  return reader.read(question, async ({ tx, generation, watermark }) => ({
    state: await readKpiState(tx, { ...question, generation }, question.window),
    people: await readDistinctCounts(tx, { ...question, generation }, question.window),
    watermark,
  }));
}
