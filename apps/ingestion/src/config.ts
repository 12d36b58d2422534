import { logLevels } from '@parley/runtime';
import type { LogLevel } from '@parley/runtime';
import { z } from 'zod';

const databaseUrl = z.string().regex(/^postgres(ql)?:\/\//, 'must look like postgresql://host:5432/database');
const secret = z.string().min(16, 'must have at least 16 characters');

/** What the service needs to run, by the names of environment variables; each may come as NAME_FILE. */
export const configSchema = z.object({
  PARLEY_HOST: z.string().default('127.0.0.1').describe('The address to listen on'),
  PARLEY_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8081)
    .describe('The port to listen on; 0 takes a free one'),
  PARLEY_LOG_LEVEL: z
    .enum(logLevels)
    .default('info')
    .describe(`How much is logged: ${logLevels.join(', ')}`),
  PARLEY_DATABASE_URL: databaseUrl.describe(
    'The Postgres, 15 or later; its user is replaced by the roles of the service',
  ),
  PARLEY_DATABASE_SECRET: secret.describe("From which the passwords of the database's roles are derived"),
  PARLEY_OPERATOR_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{32,1000}$/, 'must have 32 to 1,000 characters of ASCII, without spaces')
    .describe("The operator's key"),
  PARLEY_SERVICE_SECRET: secret.describe('By which the services know each other'),
  PARLEY_FAILPOINT: z.string().optional().describe('For tests: where the process kills itself'),
});

/** What `migrate` needs. */
export const migrateConfigSchema = z.object({
  PARLEY_LOG_LEVEL: configSchema.shape.PARLEY_LOG_LEVEL,
  PARLEY_ADMIN_DATABASE_URL: databaseUrl.describe(
    'The same Postgres as a user that may make roles and schemas',
  ),
  PARLEY_DATABASE_SECRET: configSchema.shape.PARLEY_DATABASE_SECRET,
});

/** How the service is composed, whoever starts it. */
export interface IngestionConfig {
  /** The Postgres; its user is replaced by the roles of the service. */
  readonly databaseUrl: string;
  /** From which the passwords of the roles are derived. */
  readonly databaseSecret: string;
  readonly operatorKey: string;
  /** Shared by all services. */
  readonly serviceSecret: string;
  /** For tests: where the process kills itself; see `armFailpoint`. */
  readonly failpoint: string | undefined;
}

/** What the process needs besides. */
export interface ProcessConfig extends IngestionConfig {
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
}

/** The values of the environment by the names that the code uses. */
export function toProcessConfig(values: z.output<typeof configSchema>): ProcessConfig {
  return {
    host: values.PARLEY_HOST,
    port: values.PARLEY_PORT,
    logLevel: values.PARLEY_LOG_LEVEL,
    databaseUrl: values.PARLEY_DATABASE_URL,
    databaseSecret: values.PARLEY_DATABASE_SECRET,
    operatorKey: values.PARLEY_OPERATOR_KEY,
    serviceSecret: values.PARLEY_SERVICE_SECRET,
    failpoint: values.PARLEY_FAILPOINT,
  };
}
