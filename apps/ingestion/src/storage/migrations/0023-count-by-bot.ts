import { defineMigration } from '@parley/database';

/** What became of events bot by bot; empty: of no bot, or of one too many. */
export const countByBot = defineMigration('0023-count-by-bot', [
  `alter table collection_counts
     add column bot_id text not null default '',
     drop constraint collection_counts_pkey,
     add primary key (partition, tenant_id, received_hour, bot_id)`,
]);
