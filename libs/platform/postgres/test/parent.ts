// A process that starts Postgres, says where, and lives until it is killed or told to stop.
import { createLogger } from '@parley/runtime';
import { startPostgres } from '../src/index.ts';

const [dataDir = '', binDir] = process.argv.slice(2);
const server = await startPostgres({
  dataDir,
  logger: createLogger({ service: 'test', level: 'warn' }),
  settings: { shared_buffers: '32MB' },
  ...(binDir === undefined ? {} : { binDir }),
});
process.stdout.write(`${server.adminUrl}\n`);
process.once('SIGTERM', () => void server.stop());
