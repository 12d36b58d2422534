import { defineMigration } from '@parley/database';

/** What a tenant may use; 0 is the default. */
export const limitTenants = defineMigration('0021-limit-tenants', [
  `alter table tenants
     add column calls_per_second bigint not null default 0 check (calls_per_second >= 0),
     add column events_per_second bigint not null default 0 check (events_per_second >= 0),
     add column bytes_per_second bigint not null default 0 check (bytes_per_second >= 0),
     add column streams integer not null default 0 check (streams >= 0),
     add column bots integer not null default 0 check (bots >= 0),
     add column queries integer not null default 0 check (queries >= 0)`,
]);
