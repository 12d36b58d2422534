import { defineMigration } from '@parley/database';

/** To which segments members belong, as their latest records say. */
export const keepSegments = defineMigration('0009-keep-segments', [
  // In ascending order. They are found by their member, and a segment's members among all of the tenant's.
  `alter table member_facts add column segments text[] collate "C" not null default '{}'`,
  // As for users: no erasure reaches what the planner would remember.
  'alter table member_facts alter column segments set statistics 0',
]);
