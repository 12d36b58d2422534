import { defineMigration, tenantPolicy } from '@parley/database';

/** What became of a tenant's events in each UTC hour of their receipt: what neither the log nor quarantine can tell. */
export const createCollectionCounts = defineMigration('0015-create-collection-counts', [
  `create table collection_counts (
     partition int not null,
     tenant_id uuid not null,
     received_hour timestamptz not null,
     accepted bigint not null,
     duplicate bigint not null,
     conflict bigint not null,
     rejected bigint not null,
     refused bigint not null,
     ancient bigint not null,
     primary key (partition, tenant_id, received_hour)
   )`,
  ...tenantPolicy('collection_counts'),
  `revoke insert, update, delete on collection_counts from ingestion_app`,
]);
