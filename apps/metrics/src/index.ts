export { migrateMetrics } from './migrate.ts';
export { createMetricsService } from './service.ts';
export type { MetricsDependencies } from './service.ts';
