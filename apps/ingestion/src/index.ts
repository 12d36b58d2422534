export type { IngestionConfig } from './config.ts';
export type { EventLog } from './event-log/event-log.ts';
export { migrateIngestion } from './migrate-ingestion.ts';
export { createIngestionService } from './service.ts';
export type { IngestionDependencies, RunningIngestion } from './service.ts';
