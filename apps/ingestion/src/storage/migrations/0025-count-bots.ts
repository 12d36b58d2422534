import { defineMigration, tenantPolicy } from '@parley/database';

/** The bots of which events were accepted, so that a tenant can be held to so many. */
export const countBots = defineMigration('0025-count-bots', [
  `create table bots (
     partition int not null,
     tenant_id uuid not null,
     bot_id text not null,
     primary key (partition, tenant_id, bot_id)
   )`,
  ...tenantPolicy('bots'),
]);
