import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createClient } from '@connectrpc/connect';
import { createPositionSealer } from '@parley/access';
import { Health } from '@parley/contracts/grpc/health/v1/health';
import { HealthCheckResponse_ServingStatus as ServingStatus } from '@parley/contracts/grpc/health/v1/health';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { ProjectionService } from '@parley/contracts/parley/projection/v1/projection_service';
import { createTransportTo } from '@parley/rpc';
import { TEST_SECRET, testCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { event } from './events.ts';
import { partition } from './metrics-database.ts';
import { exitCode, freePort, main, run, startLogServer, tenantKey } from './metrics-process.ts';
import { operatorKey, serviceSecret } from './service-fixture.ts';
import { createSimulatedLog } from './simulated-log.ts';

const cluster = await testCluster();
test(
  'as a process it migrates, serves, loses nothing when it is killed, and ends when told to',
  { timeout: 90_000 },
  async () => {
    const database = await cluster.database('empty', async () => undefined);
    const log = createSimulatedLog(partition);
    const port = await freePort();
    const env = {
      PARLEY_PORT: String(port),
      PARLEY_LOG_LEVEL: 'error',
      PARLEY_DATABASE_URL: database.adminUrl,
      PARLEY_ADMIN_DATABASE_URL: database.adminUrl,
      PARLEY_DATABASE_SECRET: TEST_SECRET,
      PARLEY_INGESTION_URL: await startLogServer(log),
      PARLEY_SERVICE_SECRET: serviceSecret,
    };
    expect(await exitCode(run(env, 'migrate'))).toBe(0);
    expect(await exitCode(run(env, 'migrate'))).toBe(0);

    const transport = (credential: string) => {
      const made = createTransportTo({ baseUrl: `http://127.0.0.1:${port}`, credential });
      onTestFinished(() => made.close());
      return made;
    };
    const health = createClient(Health, transport('-'));
    const metrics = createClient(MetricsService, transport(tenantKey));
    const projections = createClient(ProjectionService, transport(operatorKey));
    const isServing = async () => {
      const { status } = await health
        .check({ service: MetricsService.typeName })
        .catch(() => ({ status: undefined }));
      return status === ServingStatus.SERVING;
    };
    const say = (count: number) => {
      const value = { botId: 'sales', memberId: 'ann' };
      const at = new Date(Date.now() - 60_000);
      log.append(
        Array.from({ length: count }, () => event({ case: 'interaction', value }, { id: randomUUID(), at })),
      );
    };
    const total = async () => {
      const minPosition = createPositionSealer(serviceSecret).seal({ partition, offset: log.head });
      return (await metrics.getKpis({ minPosition })).engagement?.totalInteractions?.value;
    };

    say(100);
    // Killed in the middle of its first fold.
    const first = run({ ...env, PARLEY_FAILPOINT: 'projection:folded' });
    await once(first, 'exit');
    expect(first.signalCode).toBe('SIGKILL');

    const second = run(env);
    await expect.poll(isServing, { timeout: 30_000 }).toBe(true);
    expect(await total()).toBe(100);
    say(50);
    expect(await total()).toBe(150);

    for await (const step of projections.verifyProjection({ name: 'metrics.kpi' })) {
      if (step.done) expect(step).toMatchObject({ differenceCount: 0n });
    }
    second.kill('SIGTERM');
    expect(await exitCode(second)).toBe(0);
  },
);

test('without its configuration it says everything that is missing', async () => {
  const child = spawn(process.execPath, [main], { env: {}, stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  expect(await exitCode(child)).toBe(1);
  for (const name of ['PARLEY_DATABASE_URL', 'PARLEY_DATABASE_SECRET', 'PARLEY_SERVICE_SECRET']) {
    expect(told).toContain(`${name} is missing`);
  }
});
