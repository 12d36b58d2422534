import { systemNow } from '@parley/runtime';
import { findTenantFaults, TEST_SECRET, testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { migrateIngestion } from '../src/migrate-ingestion.ts';
import { logger } from './service-fixture.ts';

const cluster = await testCluster();

test('every table of tenants is under row-level security, with keys that contain the tenant', async () => {
  const { adminUrl } = await cluster.database('empty', async () => undefined);
  const migrate = () => migrateIngestion({ adminUrl, databaseSecret: TEST_SECRET, logger, now: systemNow });
  await migrate();
  await migrate();
  // The operator names a tenant before anything else is known of it.
  const allowed = [
    'tenants: unique index ingestion.tenants_name_key does not begin with partition',
    'tenants: unique index ingestion.tenants_name_key lacks tenant_id',
  ];
  expect(await findTenantFaults({ adminUrl, schema: 'ingestion', allowed })).toEqual([]);
});
