import process from 'node:process';
import { runService } from '@parley/service';
import { ingestionSettings } from './config.ts';
import { migrateIngestion, service } from './migrate-ingestion.ts';
import { createIngestionService } from './service.ts';

process.exitCode = await runService({
  service,
  argv: process.argv.slice(2),
  env: process.env,
  stderr: process.stderr,
  settings: ingestionSettings,
  create: async (config, dependencies, settings) => {
    const ingestion = await createIngestionService(
      {
        ...config,
        operatorKey: settings.PARLEY_OPERATOR_KEY,
        erasureServices: settings.PARLEY_ERASURE_SERVICES,
        failpoint: settings.PARLEY_FAILPOINT,
        modelEndpoints: {
          privateRanges: settings.PARLEY_ENDPOINT_PRIVATE_RANGES,
          ca: settings.PARLEY_ENDPOINT_CA,
        },
      },
      { ...dependencies, kill: () => process.kill(process.pid, 'SIGKILL') },
    );
    return { service: ingestion, resolver: ingestion.resolver };
  },
  migrate: migrateIngestion,
});
