import { defineMigration } from '@parley/database';
import { projectionSealMigration } from '@parley/projection';

/** What is kept of raw events that have expired: which facts they have begun, and what generations began with. */
export const sealFacts = defineMigration('0006-seal-facts', [
  // The day on which the first event about it was received, in days since 1970.
  'alter table interaction_facts add column seen_on integer',
  ...projectionSealMigration('metrics'),
]);
