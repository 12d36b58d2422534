export * from './config.ts';
export * from './database-roles.ts';
export * from './erasure-confirmer.ts';
export * from './ingestion-peer.ts';
export * from './run-service.ts';
export * from './service.ts';
