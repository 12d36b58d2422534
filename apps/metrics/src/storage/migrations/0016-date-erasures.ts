import { defineMigration } from '@parley/database';

/** When an erasure was asked for, so that an answer as of an earlier day can say that it is given without somebody. */
export const dateErasures = defineMigration('0016-date-erasures', [
  // Of erasures from before this was kept it is not known: they count as if they were of now.
  `alter table erased_counts add column erased_on date not null default 'infinity'`,
  'alter table erased_counts alter column erased_on drop default',
]);
