export { findTenantFaults } from './find-tenant-faults.ts';
export type { TenantRules } from './find-tenant-faults.ts';
export {
  postgresVersions,
  prepareService,
  startTestCluster,
  TEST_SECRET,
  testCluster,
} from './test-cluster.ts';
export type {
  PrepareOptions,
  TestCluster,
  TestClusterOptions,
  TestDatabase,
  TestStandby,
} from './test-cluster.ts';
