import { defineMigration, tenantPolicy } from '@parley/database';

export const createAbTests = defineMigration('0001-create-ab-tests', [
  // The guide's `test_config`, and what identifies a test.
  `create table ab_tests (
     partition int not null,
     tenant_id uuid not null,
     test_id uuid not null,
     name text not null check (length(name) between 1 and 200),
     type text not null,
     control_response_template text not null,
     variant_response_template text not null,
     created_at timestamptz not null,
     primary key (partition, tenant_id, test_id)
   )`,
  ...tenantPolicy('ab_tests'),
]);
