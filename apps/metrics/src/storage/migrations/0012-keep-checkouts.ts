import { defineMigration } from '@parley/database';

/** Whether a conversion went through the whole checkout, which a funnel has as a step. */
export const keepCheckouts = defineMigration('0012-keep-checkouts', [
  'alter table conversion_facts add column checkout_completed boolean not null default false',
]);
