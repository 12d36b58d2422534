import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { createClient } from '@connectrpc/connect';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { ProjectionService } from '@parley/contracts/parley/projection/v1/projection_service';
import { createTransportTo } from '@parley/rpc';
import { TEST_SECRET, testCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { operatorKey, serviceSecret } from './service-fixture.ts';

const cluster = await testCluster();
const main = join(import.meta.dirname, '..', 'src', 'main.ts');

interface Run {
  readonly child: ChildProcess;
  /** What it logged so far. */
  readonly logged: () => string;
  /** Waits for a line of the log, and gives what it holds under a name. */
  line(message: string, name: string): Promise<string>;
}

function run(args: readonly string[], env: Record<string, string>): Run {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return {
    child,
    logged: () => text,
    async line(message, name) {
      for (;;) {
        for (const line of text.split('\n').slice(0, -1)) {
          const parsed: unknown = JSON.parse(line);
          if (Reflect.get(Object(parsed), 'msg') === message)
            return String(Reflect.get(Object(parsed), name));
        }
        if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}: ${text}`);
        await once(child.stderr, 'data');
      }
    },
  };
}

async function exitOf({ child }: Run): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

test('as processes of its own it migrates, serves, and stops on SIGTERM', async () => {
  const { adminUrl } = await cluster.database('empty', async () => undefined);
  const secrets = { PARLEY_DATABASE_SECRET: TEST_SECRET };
  const migrate = run(['migrate'], { ...secrets, PARLEY_ADMIN_DATABASE_URL: adminUrl });
  expect(await exitOf(migrate), migrate.logged()).toBe(0);

  const serving = run([], {
    ...secrets,
    PARLEY_DATABASE_URL: adminUrl,
    PARLEY_OPERATOR_KEY: operatorKey,
    PARLEY_SERVICE_SECRET: serviceSecret,
    PARLEY_PORT: '0',
  });
  const baseUrl = await serving.line('serving', 'url');
  while ((await fetch(`${baseUrl}/readyz`)).status !== 200)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const clientOf = (credential: string) => {
    const transport = createTransportTo({ baseUrl, credential });
    onTestFinished(() => transport.close());
    return transport;
  };
  const operator = clientOf(operatorKey);
  const { key } = await createClient(TenantService, operator).createTenant({ name: 'acme' });
  const ingestion = createClient(IngestionService, clientOf(key));
  const { position } = await ingestion.recordInteraction({ eventId: 'i', interaction: { botId: 'b' } });
  expect(await ingestion.getInteraction({ interactionId: 'i', minPosition: position })).toMatchObject({
    interaction: { interactionId: 'i' },
  });
  const { projections } = await createClient(ProjectionService, operator).listProjections({});
  expect(projections.map(({ name }) => name)).toEqual(['ingestion.read-model']);

  serving.child.kill('SIGTERM');
  expect(await exitOf(serving), serving.logged()).toBe(0);
});

test('without its configuration it says at once all that is missing', async () => {
  const serving = run([], { PARLEY_PORT: 'eighty', PARLEY_OPERATOR_KEY: 'short' });
  expect(await exitOf(serving)).toBe(1);
  for (const name of [
    'PARLEY_PORT',
    'PARLEY_OPERATOR_KEY',
    'PARLEY_DATABASE_URL',
    'PARLEY_DATABASE_SECRET',
    'PARLEY_SERVICE_SECRET',
  ]) {
    expect(serving.logged()).toContain(name);
  }
  expect(serving.logged()).not.toContain('eighty');
});
