import type { Transaction } from '@parley/database';
import { createFactSource } from './fact-source.ts';
import type { FigureSource, SourceOptions } from './figure-source.ts';
import type { ReadScope } from './kpi-state.sql.ts';
import { createRollupSource } from './rollup-source.ts';

/** Answers from buckets where these know, else from facts. */
export function createSource(tx: Transaction, scope: ReadScope, options: SourceOptions): FigureSource {
  const { groupId, intent, channel, sentiment, segment } = scope;
  const isOfBots = options.dimensions.every((dimension) => dimension === 'bot');
  const isWhole = [groupId, intent, channel, sentiment, segment].every((asked) => asked === '');
  return isWhole && isOfBots ? createRollupSource(tx, scope, options) : createFactSource(tx, scope, options);
}
