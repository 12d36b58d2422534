import { defineMigration } from '@parley/database';

/** For what lists conversions and ratings by time: exports and the collection doctor, who say `log_offset > 0` as lists do. */
export const indexRecordsByTime = defineMigration(
  '0010-index-records-by-time',
  ['conversion_rows', 'feedback_rows'].map(
    (table) => `create index ${table}_by_time on ${table} (tenant_id, occurred_at desc) where log_offset > 0`,
  ),
);
