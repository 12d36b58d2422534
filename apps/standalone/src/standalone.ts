import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createExperimentService, migrateExperiment } from '@parley/experiment';
import { createIngestionService, migrateIngestion } from '@parley/ingestion';
import { createMetricsService, migrateMetrics } from '@parley/metrics';
import { createOptimizerService, migrateOptimizer } from '@parley/optimizer';
import type { EndpointAllowance } from '@parley/outbound';
import { startPostgres } from '@parley/postgres';
import { createHealthRegistry, type HealthRegistry } from '@parley/rpc';
import type { Closers, Logger, Now } from '@parley/runtime';
import { serve } from '@parley/service';
import type { StandaloneOptions } from './options.ts';
import { loadSecrets, type Secrets } from './secrets.ts';

export interface StandaloneDependencies {
  readonly logger: Logger;
  readonly now: Now;
  /** Names this process among those that run the same projections. */
  readonly holder: string;
  readonly closers: Closers;
  /** Where tenants' own models and webhooks may be besides the public internet; nowhere unless told. */
  readonly endpoints?: EndpointAllowance;
}

/** Everything, running. */
export interface Standalone {
  readonly url: string;
  /** Of a user that may do everything; for a person with `psql`. */
  readonly databaseUrl: string;
  readonly secrets: Secrets;
}

const minuteMs = 60_000;
/** As of the services by themselves: when few are awake in Europe and America. */
const verifyAtHour = 3;

/** Starts the four services on one port, on the embedded Postgres or the one that is given. */
export async function startStandalone(
  options: StandaloneOptions,
  { logger, now, holder, closers, endpoints = { privateRanges: [], ca: undefined } }: StandaloneDependencies,
): Promise<Standalone> {
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true });
  const secrets = await loadSecrets(dataDir);
  const databaseUrl = options.databaseUrl ?? (await startEmbeddedPostgres(dataDir, logger, closers));

  const { serviceSecret, operatorKey } = secrets;
  const migration = { adminUrl: databaseUrl, databaseSecret: secrets.databaseSecret, logger, now };
  // One after the other: they make roles in the same catalogue, and would only wait for each other.
  await migrateIngestion(migration);
  await migrateMetrics(migration);
  await migrateOptimizer(migration);
  await migrateExperiment(migration);

  const health = createHealthRegistry();
  const config = { databaseUrl, databaseSecret: secrets.databaseSecret, serviceSecret, verifyAtHour };
  const common = { now, logger, health, holder };
  const ingestion = await createIngestionService(
    { ...config, operatorKey, modelEndpoints: endpoints, failpoint: undefined },
    { ...common, kill: () => undefined },
  );
  closers.push('ingestion', () => ingestion.close());
  const { erasures } = ingestion;
  const metrics = await createMetricsService(config, {
    ...common,
    source: ingestion.log,
    erasures,
    webhookEndpoints: endpoints,
  });
  closers.push('metrics', () => metrics.close());
  const optimizer = await createOptimizerService(config, { ...common, erasures });
  closers.push('optimizer', () => optimizer.close());
  const experiment = await createExperimentService(config, { ...common, erasures });
  closers.push('experiment', () => experiment.close());

  const server = await serve({
    port: options.port,
    services: [ingestion, metrics, optimizer, experiment],
    resolver: ingestion.resolver,
    health,
    logger,
    now,
  });
  closers.push('server', () => server.close());
  await untilServing(health);
  return { url: server.url, databaseUrl, secrets };
}

/** Returns when every service answers; throws when one does not within a minute. */
async function untilServing(health: HealthRegistry): Promise<void> {
  const serving = Promise.withResolvers<void>();
  const look = (): void => {
    if (health.get('') === 'serving') serving.resolve();
  };
  const timer = setTimeout(() => {
    const waiting = [...health.list()].filter(([name, status]) => name !== '' && status !== 'serving');
    serving.reject(new Error(`Not serving after a minute: ${waiting.map(([name]) => name).join(', ')}.`));
  }, minuteMs);
  const stopLooking = health.onChange(look);
  look();
  try {
    await serving.promise;
  } finally {
    stopLooking();
    clearTimeout(timer);
  }
}

async function startEmbeddedPostgres(dataDir: string, logger: Logger, closers: Closers): Promise<string> {
  const postgres = await startPostgres({ dataDir: resolve(dataDir, 'postgres'), logger });
  closers.push('postgres', () => postgres.stop());
  await postgres.ready(minuteMs);
  return postgres.adminUrl;
}
