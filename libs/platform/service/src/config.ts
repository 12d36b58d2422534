import { logLevels } from '@parley/runtime';
import { z } from 'zod';

/** A Postgres, as settings name it. */
export const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, 'must look like postgresql://host:5432/database');
const secret = z.string().min(16, 'must have at least 16 characters');

/** What every process needs to run, by the names of environment variables; each may come as NAME_FILE. */
export const processSettings = {
  PARLEY_HOST: z.string().default('127.0.0.1').describe('The address to listen on'),
  PARLEY_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8080)
    .describe('The port to listen on; 0 takes a free one'),
  PARLEY_LOG_LEVEL: z
    .enum(logLevels)
    .default('info')
    .describe(`How much is logged: ${logLevels.join(', ')}`),
  PARLEY_DATABASE_URL: databaseUrl.describe(
    'The Postgres, 15 or later; its user is replaced by the roles of the service',
  ),
  PARLEY_DATABASE_SECRET: secret.describe(
    "From which the passwords of the service's database roles are derived",
  ),
  PARLEY_SERVICE_SECRET: secret.describe('By which the services know each other; the same for all'),
  PARLEY_VERIFY_AT: z
    .union([z.literal('off'), z.coerce.number().int().min(0).max(23)])
    .default(3)
    .describe('The UTC hour, 0 to 23, from which on the projections are verified each night; off: never'),
};

/** What a service other than ingestion needs besides. */
export const peerSettings = {
  PARLEY_INGESTION_URL: z
    .url({ protocol: /^https?$/ })
    .describe('Where ingestion is: it knows the credentials, and has the event log'),
};

/** What `migrate` needs. */
export const migrateSettings = {
  PARLEY_LOG_LEVEL: processSettings.PARLEY_LOG_LEVEL,
  PARLEY_ADMIN_DATABASE_URL: databaseUrl.describe(
    'The same Postgres as a user that may make roles and schemas',
  ),
  PARLEY_DATABASE_SECRET: processSettings.PARLEY_DATABASE_SECRET,
};

/** How a service is composed, whoever starts it. */
export interface ServiceConfig {
  /** The Postgres; its user is replaced by the roles of the service. */
  readonly databaseUrl: string;
  /** From which the passwords of the roles are derived. */
  readonly databaseSecret: string;
  /** Shared by all services. */
  readonly serviceSecret: string;
  /** The UTC hour from which on the projections are verified each night. Undefined: never. */
  readonly verifyAtHour?: number | undefined;
}
