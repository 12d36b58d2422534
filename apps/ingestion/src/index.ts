export type { IngestionConfig } from './config.ts';
export type { EventLog, NewEvent } from './event-log/event-log.ts';
export { appendConnections, openPostgresEventLog } from './event-log/postgres-event-log.ts';
export { createPrivacyGate } from './privacy/privacy-gate.ts';
export { migrateIngestion } from './migrate-ingestion.ts';
export { createIngestionService } from './service.ts';
export type { IngestionDependencies, RunningIngestion } from './service.ts';
