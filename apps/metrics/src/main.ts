import process from 'node:process';
import { openIngestionPeer, runService } from '@parley/service';
import { metricsSettings } from './config.ts';
import { migrateMetrics, service } from './migrate.ts';
import { createMetricsService } from './service.ts';

process.exitCode = await runService({
  service,
  argv: process.argv.slice(2),
  env: process.env,
  stderr: process.stderr,
  settings: metricsSettings,
  create: async (config, { closers, ...dependencies }, settings) => {
    const {
      PARLEY_INGESTION_URL: url,
      PARLEY_READ_DATABASE_URL: readDatabaseUrl,
      PARLEY_FAILPOINT: failpoint,
    } = settings;
    const peer = openIngestionPeer({ ...config, ...dependencies, url, service });
    closers.push('ingestion', () => peer.close());
    const metrics = await createMetricsService(config, {
      ...dependencies,
      source: peer.source,
      erasures: peer.erasures,
      readDatabaseUrl,
      webhookEndpoints: {
        privateRanges: settings.PARLEY_ENDPOINT_PRIVATE_RANGES,
        ca: settings.PARLEY_ENDPOINT_CA,
      },
      reachFailpoint: (reached) => {
        if (reached === failpoint) process.kill(process.pid, 'SIGKILL');
      },
    });
    return { service: metrics, resolver: peer.resolver };
  },
  migrate: migrateMetrics,
});
