import { defineMigration, tenantPolicy } from '@parley/database';

export const createRecommendations = defineMigration('0001-create-recommendations', [
  // What the guide's recommendations say; the evidence comes with the projections that they rest on.
  `create table recommendations (
     partition int not null,
     tenant_id uuid not null,
     recommendation_id uuid not null,
     summary text not null,
     implementation_priority smallint not null check (implementation_priority between 1 and 4),
     created_at timestamptz not null,
     primary key (partition, tenant_id, recommendation_id)
   )`,
  ...tenantPolicy('recommendations'),
]);
