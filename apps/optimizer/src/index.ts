export { migrateOptimizer } from './migrate.ts';
export { createOptimizerService } from './service.ts';
