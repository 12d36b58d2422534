export { migrateExperiment } from './migrate.ts';
export { createExperimentService } from './service.ts';
