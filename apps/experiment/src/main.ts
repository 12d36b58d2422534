import process from 'node:process';
import { openIngestionPeer, peerSettings, runService } from '@parley/service';
import { migrateExperiment, service } from './migrate.ts';
import { createExperimentService } from './service.ts';

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
    return { service: await createExperimentService(config, { ...dependencies, erasures }), resolver };
  },
  migrate: migrateExperiment,
});
