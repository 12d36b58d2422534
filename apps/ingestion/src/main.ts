import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import process from 'node:process';
import { projectionAccess, projectionRoutes } from '@parley/projection';
import { createHealthRegistry, startRpcServer } from '@parley/rpc';
import { ConfigError, createLogger, loadConfig, runUntilSignal, systemNow } from '@parley/runtime';
import type { Logger } from '@parley/runtime';
import { configSchema, migrateConfigSchema, toProcessConfig } from './config.ts';
import { migrateIngestion, service } from './migrate-ingestion.ts';
import { createIngestionService } from './service.ts';

try {
  await run(process.argv[2]);
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function run(command: string | undefined): Promise<void> {
  switch (command) {
    case undefined:
      return serve();
    case 'migrate':
      return migrate();
    default:
      process.stderr.write(`Unknown command: ${command}. There is migrate; without a command it serves.\n`);
      process.exitCode = 2;
  }
}

async function serve(): Promise<void> {
  const { values, warnings } = loadConfig(configSchema, process.env, Object.keys(migrateConfigSchema.shape));
  const config = toProcessConfig(values);
  const logger = createLogger({ service, level: config.logLevel });
  warn(logger, warnings);
  await runUntilSignal({
    logger,
    start: async (closers) => {
      const health = createHealthRegistry();
      const ingestion = await createIngestionService(config, {
        now: systemNow,
        logger,
        health,
        holder: `${hostname()} ${process.pid} ${randomUUID()}`,
        kill: () => process.kill(process.pid, 'SIGKILL'),
      });
      closers.push('service', () => ingestion.close());
      const { binaryRoutes, resolver } = ingestion;
      const ofProjections = projectionRoutes([ingestion.projections]);
      const { host, port } = config;
      const server = await startRpcServer({
        host,
        port,
        routes: (router) => {
          ingestion.routes(router);
          ofProjections(router);
        },
        binaryRoutes,
        access: { ...ingestion.access, ...projectionAccess },
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

async function migrate(): Promise<void> {
  const { values, warnings } = loadConfig(migrateConfigSchema, process.env, Object.keys(configSchema.shape));
  const logger = createLogger({ service, level: values.PARLEY_LOG_LEVEL });
  warn(logger, warnings);
  await migrateIngestion({
    adminUrl: values.PARLEY_ADMIN_DATABASE_URL,
    databaseSecret: values.PARLEY_DATABASE_SECRET,
    logger,
    now: systemNow,
  });
  logger.info('migrated');
}

function warn(logger: Logger, warnings: readonly string[]): void {
  for (const warning of warnings) logger.warn(warning);
}
