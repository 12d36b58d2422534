import { measureAppend } from './append.ts';
import { measureBatches } from './batches.ts';
import type { Bench } from './deployment.ts';
import type { Measurement } from './measurement.ts';
import { measureDistinctMembers } from './distinct-members.ts';
import { measureExports } from './exports.ts';
import { measureAgainstInsertMany } from './insert-many.ts';
import { measureLanguage } from './language.ts';
import { measureProjections } from './projections.ts';
import { measureQueries } from './queries.ts';
import { measureSingles } from './singles.ts';

/** What can be measured, by the beginning of its figures' names. */
export const benchmarks: Readonly<Record<string, (bench: Bench) => Promise<Measurement[]>>> = {
  'ingest.append': measureAppend,
  'ingest.batch': measureBatches,
  'ingest.single': measureSingles,
  'ingest.language': measureLanguage,
  'ingest.vs_insert_many': measureAgainstInsertMany,
  projection: measureProjections,
  export: measureExports,
  'query.kpi30d': measureQueries,
  'query.distinct90d': measureDistinctMembers,
};
