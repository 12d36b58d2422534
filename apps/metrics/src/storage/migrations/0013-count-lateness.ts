import { defineMigration, tenantPolicy } from '@parley/database';

/** How late a tenant's events came, by the UTC day on which they did; nothing of what they say, so no erasure changes it. */
export const countLateness = defineMigration('0013-count-lateness', [
  `create table lateness_counts (
     partition integer not null check (partition >= 0),
     tenant_id uuid not null,
     generation integer not null,
     received_on date not null,
     -- Of @parley/kpi's scale, which ends at seven days.
     bin smallint not null check (bin between 0 and 58),
     event_count bigint not null,
     primary key (partition, tenant_id, generation, received_on, bin)
   )`,
  ...tenantPolicy('lateness_counts'),
]);
