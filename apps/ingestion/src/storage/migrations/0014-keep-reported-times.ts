import { defineMigration } from '@parley/database';

/** What a producer's clock said of an interaction, where it was wrong and the time that counts is a corrected one. */
export const keepReportedTimes = defineMigration('0014-keep-reported-times', [
  'alter table interaction_rows add column reported_at timestamptz',
]);
