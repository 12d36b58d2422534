import { defineMigration, tenantPolicy } from '@parley/database';

/**
 * Members as small numbers, so that sets of them are Roaring bitmaps. Without a generation: the numbers outlive every
 * version of what is computed with them, and none is ever given twice. Ids are opaque: under the collation "C" their
 * order, and so the indexes, is the same on every machine.
 */
export const createMemberOrdinals = defineMigration('0001-create-member-ordinals', [
  `create table member_ordinals (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     member_id text collate "C" not null check (member_id <> ''),
     ordinal integer not null check (ordinal >= 0),
     primary key (partition, tenant_id, member_id),
     -- In this order, since who seeks a member must not think of this index.
     unique (partition, ordinal, tenant_id)
   )`,
  ...tenantPolicy('member_ordinals'),
  // Its row is locked by whoever gives out numbers, since two generations may fold a tenant's events at once.
  `create table member_ordinal_counters (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     next_ordinal integer not null check (next_ordinal >= 0),
     primary key (partition, tenant_id)
   )`,
  ...tenantPolicy('member_ordinal_counters'),
]);
