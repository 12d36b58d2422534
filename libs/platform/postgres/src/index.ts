export { startPostgres } from './start-postgres.ts';
export type { PostgresOptions, PostgresServer } from './start-postgres.ts';
