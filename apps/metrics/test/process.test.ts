import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { acceptServices, createPositionSealer } from '@parley/access';
import { Health } from '@parley/contracts/grpc/health/v1/health';
import { HealthCheckResponse_ServingStatus as ServingStatus } from '@parley/contracts/grpc/health/v1/health';
import { AccessService } from '@parley/contracts/parley/ingestion/v1/access_service';
import { Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import { EventLogService, LogEventSchema } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { ProjectionService } from '@parley/contracts/parley/projection/v1/projection_service';
import type { LogEvent } from '@parley/event';
import { createHealthRegistry, createTransportTo, startRpcServer } from '@parley/rpc';
import { systemNow } from '@parley/runtime';
import { TEST_SECRET, testCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { event, tenantA } from './events.ts';
import { logger, partition } from './metrics-database.ts';
import { operatorKey, serviceSecret } from './service-fixture.ts';
import { createSimulatedLog } from './simulated-log.ts';
import type { SimulatedLog } from './simulated-log.ts';

const cluster = await testCluster();
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const tenantKey = 'the-key-of-the-tenant';

function run(env: Readonly<Record<string, string>>, ...command: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [main, ...command], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

async function exitCode(child: ChildProcess): Promise<unknown> {
  const [code] = await once(child, 'exit');
  return code;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** What metrics calls of ingestion, over a log in memory. */
async function startLogServer(log: SimulatedLog): Promise<string> {
  const server = await startRpcServer({
    port: 0,
    routes: (router) => {
      router
        .service(EventLogService, {
          async listPartitions(_, { signal }) {
            const heads = await log.heads(signal);
            return {
              partitions: [...heads].map(([number, headOffset]) => ({ partition: number, headOffset })),
            };
          },
          listSeals: () => ({ seals: [] }),
          async *tail(request, { signal }) {
            for await (const { events, headOffset } of log.tail({ ...request, signal })) {
              yield { events: events.map(toMessage), headOffset };
            }
          },
        })
        .service(AccessService, {
          resolveCredential({ credential }) {
            if (credential === operatorKey) return { caller: { case: 'operatorCaller', value: {} } };
            if (credential !== tenantKey) return {};
            const tenant = { tenantId: tenantA, name: 'a', partition, timeZone: 'UTC', currencyCode: 'USD' };
            return { caller: { case: 'tenantCaller', value: { tenant, keyId: 'k', scopes: [Scope.READ] } } };
          },
        });
    },
    access: {
      [EventLogService.typeName]: { callers: ['service'], tenant: 'none' },
      [AccessService.typeName]: { callers: ['service'], tenant: 'none' },
    },
    resolver: acceptServices(serviceSecret, { resolve: async () => undefined }),
    health: createHealthRegistry(),
    logger,
    now: systemNow,
  });
  onTestFinished(() => server.close(100));
  return server.url;
}

function toMessage({ offset, tenantId, kind, eventKey, occurredAt, receivedAt, body }: LogEvent) {
  return create(LogEventSchema, {
    logOffset: offset,
    tenantId: Buffer.from(tenantId.replaceAll('-', ''), 'hex'),
    kind,
    eventKey: Buffer.from(eventKey.replaceAll('-', ''), 'hex'),
    occurredAt: timestampFromDate(occurredAt),
    receivedAt: timestampFromDate(receivedAt),
    ...(body && { body: Uint8Array.from(body) }),
  });
}

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
