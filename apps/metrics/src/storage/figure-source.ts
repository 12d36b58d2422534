import type { ConversationState, KpiState, LatencyBins, Revenue } from '@parley/kpi';
import type { CutWindow } from './cut-parameters.ts';

/**
 * By what figures are broken down; the names of the contract. By `segment` a member of several counts in each; by `segments`
 * in all of theirs together, so that these add up.
 */
export type Dimension = 'bot' | 'group' | 'intent' | 'sentiment' | 'segment' | 'segments' | 'channel';

/** What one window and one combination of the dimensions' values holds. */
export interface Cell<Content> {
  /** The window's place among those that were asked for. */
  readonly position: number;
  /** The values of the dimensions, in the order in which they were asked for; `unknown` where one is not known. */
  readonly values: readonly string[];
  readonly content: Content;
}

/** How figures are to be read. */
export interface SourceOptions {
  readonly dimensions: readonly Dimension[];
  /** The day at whose end the answer is given, in days since 1970. Undefined: as known now. */
  readonly asOf: number | undefined;
}

/**
 * What figures are computed from, read in one snapshot for one scope, one list of dimensions and one day of knowledge.
 * Each question is one statement, however many windows and values there are. A window and combination in which there is
 * nothing has no cell, but where there are no dimensions: then each window has one.
 */
export interface FigureSource {
  readonly dimensions: readonly Dimension[];
  sums(windows: readonly CutWindow[]): Promise<readonly Cell<KpiState>[]>;
  latencies(windows: readonly CutWindow[]): Promise<readonly Cell<LatencyBins>[]>;
  /** Conversations that began in the window. */
  conversations(windows: readonly CutWindow[]): Promise<readonly Cell<ConversationState>[]>;
  /** Interactions since `after` without a response so far. */
  awaiting(windows: readonly CutWindow[], after: Date): Promise<readonly Cell<number>[]>;
  revenue(windows: readonly CutWindow[]): Promise<readonly Cell<Revenue>[]>;
  /** Ordinals of who had an interaction, ascending. */
  members(windows: readonly CutWindow[]): Promise<readonly Cell<Uint32Array>[]>;
  /** How many different members had an interaction. */
  memberCounts(windows: readonly CutWindow[]): Promise<readonly Cell<number>[]>;
  /** Ordinals of who paid in that currency, ascending. */
  payers(windows: readonly CutWindow[], currencyCode: string): Promise<readonly Cell<Uint32Array>[]>;
}
