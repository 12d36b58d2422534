import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { CredentialResolver } from '@parley/access';
import { createHealthRegistry } from '@parley/rpc';
import {
  ConfigError,
  createLogger,
  loadConfig,
  runUntilSignal,
  systemNow,
  type Closers,
  type Environment,
  type Logger,
  type Now,
} from '@parley/runtime';
import { z } from 'zod';
import { migrateSettings, processSettings, type ServiceConfig } from './config.ts';
import { serve, type Service, type ServiceDependencies } from './service.ts';

export interface RunServiceOptions<Settings extends z.ZodRawShape> {
  /** The service's name. */
  readonly service: string;
  /** The command line after the script: nothing, or `migrate`. */
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly stderr: { write(text: string): unknown };
  /** What it needs besides what every process needs. */
  readonly settings: Settings;
  readonly create: (
    config: ServiceConfig,
    dependencies: ServiceDependencies & { readonly closers: Closers },
    settings: z.output<z.ZodObject<Settings>>,
  ) => Promise<{ readonly service: Service; readonly resolver: CredentialResolver }>;
  readonly migrate: (options: MigrateOptions) => Promise<void>;
}

export interface MigrateOptions {
  /** A user that may make roles and schemas. */
  readonly adminUrl: string;
  readonly databaseSecret: string;
  readonly logger: Logger;
  readonly now: Now;
}

/**
 * A service's process: serves until it is told to stop, or with `migrate` brings the database up to date and ends.
 * Returns the exit code where the process does not end by itself: 1 for configuration that can't be used, each fault a
 * line on stderr; 2 for an unknown command.
 */
export async function runService<Settings extends z.ZodRawShape>(
  options: RunServiceOptions<Settings>,
): Promise<number> {
  const [command] = options.argv;
  try {
    switch (command) {
      case undefined:
        return await serveUntilSignal(options);
      case 'migrate':
        await migrateOnce(options);
        return 0;
      default:
        options.stderr.write(`Unknown command: ${command}. There is migrate, and nothing for serving.\n`);
        return 2;
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    options.stderr.write(`${error.message}\n`);
    return 1;
  }
}

async function serveUntilSignal<Settings extends z.ZodRawShape>(
  options: RunServiceOptions<Settings>,
): Promise<never> {
  const { service: name } = options;
  const { common, own } = loadSettings(options);
  const { PARLEY_HOST: host, PARLEY_PORT: port, PARLEY_LOG_LEVEL: level, ...values } = common.values;
  const logger = createLogger({ service: name, level });
  for (const warning of common.warnings) logger.warn(warning);
  return runUntilSignal({
    logger,
    start: async (closers) => {
      const health = createHealthRegistry();
      const { service, resolver } = await options.create(
        {
          databaseUrl: values.PARLEY_DATABASE_URL,
          databaseSecret: values.PARLEY_DATABASE_SECRET,
          serviceSecret: values.PARLEY_SERVICE_SECRET,
          verifyAtHour: values.PARLEY_VERIFY_AT === 'off' ? undefined : values.PARLEY_VERIFY_AT,
        },
        {
          now: systemNow,
          logger,
          health,
          holder: `${hostname()} ${randomUUID()}`,
          closers,
        },
        own.values,
      );
      closers.push('service', () => service.close());
      const server = await serve({
        host,
        port,
        services: [service],
        resolver,
        health,
        logger,
        now: systemNow,
      });
      closers.push('server', () => server.close());
      logger.info({ url: server.url }, 'serving');
    },
  });
}

async function migrateOnce<Settings extends z.ZodRawShape>(
  options: RunServiceOptions<Settings>,
): Promise<void> {
  const { service, env } = options;
  const { values, warnings } = loadConfig(z.object(migrateSettings), env, knownNames(options));
  const logger = createLogger({ service, level: values.PARLEY_LOG_LEVEL });
  for (const warning of warnings) logger.warn(warning);
  await options.migrate({
    adminUrl: values.PARLEY_ADMIN_DATABASE_URL,
    databaseSecret: values.PARLEY_DATABASE_SECRET,
    logger,
    now: systemNow,
  });
  logger.info('migrated');
}

/** @throws ConfigError with the faults of both at once. */
function loadSettings<Settings extends z.ZodRawShape>(options: RunServiceOptions<Settings>) {
  const { env } = options;
  const faults: string[] = [];
  const load = <Shape extends z.ZodRawShape>(schema: z.ZodObject<Shape>) => {
    try {
      return loadConfig(schema, env, knownNames(options));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      faults.push(...error.faults);
      return undefined;
    }
  };
  const common = load(z.object(processSettings));
  const own = load(z.object(options.settings));
  if (common === undefined || own === undefined) throw new ConfigError(faults);
  return { common, own };
}

function knownNames<Settings extends z.ZodRawShape>({ settings }: RunServiceOptions<Settings>): string[] {
  return Object.keys({ ...processSettings, ...migrateSettings, ...settings });
}
