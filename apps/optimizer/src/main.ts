import process from 'node:process';
import { openIngestionPeer, peerSettings, runService } from '@parley/service';
import { migrateOptimizer, service } from './migrate.ts';
import { createOptimizerService } from './service.ts';

process.exitCode = await runService({
  service,
  argv: process.argv.slice(2),
  env: process.env,
  stderr: process.stderr,
  settings: peerSettings,
  create: async (config, { closers, ...dependencies }, { PARLEY_INGESTION_URL: url }) => {
    const peer = openIngestionPeer({ ...config, ...dependencies, url, service });
    closers.push('ingestion', () => peer.close());
    const { erasures, resolver } = peer;
    return { service: await createOptimizerService(config, { ...dependencies, erasures }), resolver };
  },
  migrate: migrateOptimizer,
});
