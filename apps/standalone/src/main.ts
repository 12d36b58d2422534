import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import process from 'node:process';
import { endpointSettings } from '@parley/outbound';
import { ConfigError, createLogger, loadConfig, runUntilSignal, systemNow } from '@parley/runtime';
import { z } from 'zod';
import { demoTenant, startDemo } from './demo-traffic.ts';
import { OptionsError, parseOptions, usage, type StandaloneOptions } from './options.ts';
import { saveSecrets } from './secrets.ts';
import { startStandalone, type Standalone } from './standalone.ts';

/** Long enough for the embedded Postgres to write out what it holds. */
const closeWithinMs = 45_000;

try {
  const options = parseOptions(process.argv.slice(2));
  if (options) await run(options);
  else process.stdout.write(usage);
} catch (error) {
  if (error instanceof OptionsError) {
    process.stderr.write(`${error.message}\n\n${usage}`);
    process.exitCode = 2;
  } else if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } else throw error;
}

async function run(options: StandaloneOptions): Promise<void> {
  const { PARLEY_ENDPOINT_PRIVATE_RANGES: privateRanges, PARLEY_ENDPOINT_CA: ca } = loadConfig(
    z.object(endpointSettings),
    process.env,
  ).values;
  const logger = createLogger({ service: 'standalone', level: options.json ? 'info' : 'warn' });
  await runUntilSignal({
    logger,
    closeWithinMs,
    start: async (closers) => {
      if (!options.json)
        process.stdout.write(
          `Parley is starting${options.demo ? ', with two weeks of invented history' : ''} …\n`,
        );
      const standalone = await startStandalone(options, {
        logger,
        now: systemNow,
        holder: `${hostname()} ${process.pid} ${randomUUID()}`,
        closers,
        endpoints: { privateRanges, ca },
      });
      let demoKey: string | undefined;
      if (options.demo) {
        const demo = await startDemo({
          url: standalone.url,
          operatorKey: standalone.secrets.operatorKey,
          demoKey: standalone.secrets.demoKey,
          now: systemNow,
          logger,
        });
        closers.push('demo', () => demo.close());
        demoKey = demo.key;
        // A person who looks at once shall find something; a program is told as soon as the services answer.
        if (!options.json) await demo.filled;
        await saveSecrets(options.dataDir, { ...standalone.secrets, demoKey });
      }
      process.stdout.write(options.json ? readyLine(standalone) : banner(standalone, demoKey));
    },
  });
}

function readyLine({ url, secrets, databaseUrl }: Standalone): string {
  return `${JSON.stringify({ ready: true, url, admin_key: secrets.operatorKey, database_url: databaseUrl })}\n`;
}

function banner({ url, secrets, databaseUrl }: Standalone, demoKey: string | undefined): string {
  const demo =
    demoKey === undefined
      ? ''
      : `
A demo tenant has two weeks of history and live traffic. Look at it from another terminal:

  export PARLEY_URL=${url} PARLEY_KEY=${demoKey}
  npm run --silent parley -- kpis --days 7
  npm run --silent parley -- realtime
`;
  return `Parley is ready: ingestion, metrics, optimizer and experiment at ${url}
${demo}
The operator's key, which acts for any tenant (--tenant ${demoTenant}):
  ${secrets.operatorKey}
The database, for psql:
  ${databaseUrl}

Stop with Ctrl-C; the next start finds everything again.
`;
}
