import { randomBytes } from 'node:crypto';
import { createClient, type Client } from '@connectrpc/connect';
import { ProjectionService } from '@parley/contracts/parley/projection/v1/projection_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { migrateIngestion } from '@parley/ingestion';
import { migrateMetrics } from '@parley/metrics';
import { createTransportTo } from '@parley/rpc';
import { systemNow, type Closers, type Logger } from '@parley/runtime';
import { Pool } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentOf } from './cpu-time.ts';
import { findFreePort, startServiceProcess, type ServiceProcess } from './service-process.ts';

/** A Postgres to measure on, and what is closed at the end. */
export interface Bench {
  /** As a user that may do everything. */
  readonly adminUrl: string;
  readonly closers: Closers;
  readonly logger: Logger;
  /** The short form: few events, two runs; its figures say nothing. */
  readonly isQuick: boolean;
  /** Says on stderr what is going on. */
  readonly say: (text: string) => void;
}

/** A tenant with a key that may do everything inside it. */
export interface BenchTenant {
  readonly tenantId: string;
  readonly partition: number;
  readonly name: string;
  readonly key: string;
}

export type ServiceName = 'ingestion' | 'metrics';

/** A database of its own with the services' schemas, and the services as processes. */
export interface Deployment {
  /** As a user that may do everything. */
  readonly admin: Pool;
  readonly databaseUrl: string;
  readonly databaseSecret: string;
  /** The process whose children are Postgres' backends; undefined where there is no /proc. */
  readonly postmasterPid: number | undefined;
  service(name: ServiceName): ServiceProcess;
  createTenants(count: number): Promise<readonly BenchTenant[]>;
  /** Rebuilds a projection beside the running one and switches; returns how many events that took. */
  rebuild(name: ServiceName, projection: string): Promise<number>;
  /** Returns when every projection has all that is in the log now. */
  caughtUp(): Promise<void>;
  close(): Promise<void>;
}

const catchUpMs = 900_000;
const pollMs = 20;
const secret = (): string => randomBytes(24).toString('hex');
// Roles belong to the whole Postgres: all databases of a run share their passwords.
const databaseSecret = secret();

/** Makes a database and starts services on it; none for what needs only tables. */
export async function deploy(bench: Bench, services: readonly ServiceName[]): Promise<Deployment> {
  const { adminUrl, logger } = bench;
  const database = `bench_${randomBytes(4).toString('hex')}`;
  const root = new Pool({ connectionString: adminUrl, max: 1 });
  await root.query(`create database ${database}`);
  await root.end();
  const url = new URL(adminUrl);
  url.pathname = `/${database}`;
  const databaseUrl = url.href;
  const admin = new Pool({ connectionString: databaseUrl, max: 4 });

  let closing: Promise<void> | undefined;
  admin.on('error', (error) => {
    // A pool that has ended does not wait for its connections: Postgres may stop before the last is gone.
    if (closing === undefined) logger.error({ error }, 'a connection was lost');
  });

  const processes = new Map<ServiceName, ServiceProcess>();
  const closeAll = async (): Promise<void> => {
    await Promise.all([...processes.values()].map((running) => running.stop()));
    await admin.end();
  };
  // By whoever is done with it, and again at the end where a benchmark has failed.
  const close = (): Promise<void> => (closing ??= closeAll());
  bench.closers.push(database, close);

  const migration = { adminUrl: databaseUrl, databaseSecret, logger, now: systemNow };
  await migrateIngestion(migration);
  await migrateMetrics(migration);
  const [serviceSecret, operatorKey] = [secret(), secret()];
  for (const name of services) {
    const ingestionUrl = processes.get('ingestion')?.url;
    const running = await startServiceProcess({
      script: `apps/${name}/src/main.ts`,
      env: {
        PARLEY_PORT: String(await findFreePort()),
        PARLEY_LOG_LEVEL: 'warn',
        PARLEY_DATABASE_URL: databaseUrl,
        PARLEY_DATABASE_SECRET: databaseSecret,
        PARLEY_SERVICE_SECRET: serviceSecret,
        ...(name === 'ingestion' && { PARLEY_OPERATOR_KEY: operatorKey }),
        ...(name !== 'ingestion' && ingestionUrl !== undefined && { PARLEY_INGESTION_URL: ingestionUrl }),
      },
    });
    processes.set(name, running);
  }
  const service = (name: ServiceName): ServiceProcess => {
    const running = processes.get(name);
    if (running === undefined) throw new Error(`${name} is not part of this deployment.`);
    return running;
  };

  const asOperator = async <Answer>(
    name: ServiceName,
    use: (clients: {
      readonly tenants: Client<typeof TenantService>;
      readonly projections: Client<typeof ProjectionService>;
    }) => Promise<Answer>,
  ): Promise<Answer> => {
    const transport = createTransportTo({ baseUrl: service(name).url, credential: operatorKey });
    try {
      return await use({
        tenants: createClient(TenantService, transport),
        projections: createClient(ProjectionService, transport),
      });
    } finally {
      transport.close();
    }
  };

  const hasCaughtUp = async (name: ServiceName): Promise<boolean> => {
    const { rows } = await admin.query<{ partition: number; head: string }>(
      'select partition, head_offset as head from ingestion.partition_heads',
    );
    const heads = new Map(rows.map(({ partition, head }) => [partition, BigInt(head)]));
    const { projections } = await asOperator(name, (clients) => clients.projections.listProjections({}));
    // A partition that a projection has not begun to read is not listed.
    return projections.every(({ partitions }) => {
      const positions = new Map(partitions.map(({ partition, position }) => [partition, position]));
      return [...heads].every(([partition, head]) => (positions.get(partition) ?? 0n) >= head);
    });
  };

  return {
    admin,
    databaseUrl,
    databaseSecret,
    postmasterPid: await findPostmaster(admin),
    service,
    createTenants: (count) =>
      asOperator('ingestion', async ({ tenants }) => {
        const made: BenchTenant[] = [];
        for (let index = 0; index < count; index += 1) {
          const name = `tenant-${index}`;
          const { key } = await tenants.createTenant({ name });
          const { rows } = await admin.query<{ tenant_id: string; partition: number }>(
            'select tenant_id, partition from ingestion.tenants where name = $1',
            [name],
          );
          const [row] = rows;
          if (row === undefined) throw new Error(`${name} was not made.`);
          made.push({ tenantId: row.tenant_id, partition: row.partition, name, key });
        }
        return made;
      }),
    rebuild: (name, projection) =>
      asOperator(name, async ({ projections }) => {
        let rebuilt: number | undefined;
        // Read to its end, also once it is done: a stream that is left keeps its deadline's timer running.
        const progress = projections.rebuildProjection({ name: projection }, { timeoutMs: catchUpMs });
        for await (const { eventCount, done } of progress) {
          if (done) rebuilt = Number(eventCount);
        }
        if (rebuilt !== undefined) return rebuilt;
        throw new Error(`The rebuild of ${projection} ended before it was done.`);
      }),
    async caughtUp() {
      const deadline = performance.now() + catchUpMs;
      for (const name of processes.keys()) {
        while (!(await hasCaughtUp(name))) {
          if (performance.now() > deadline) throw new Error(`The projections of ${name} do not catch up.`);
          await sleep(pollMs);
        }
      }
    },
    close,
  };
}

async function findPostmaster(admin: Pool): Promise<number | undefined> {
  const { rows } = await admin.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0] && parentOf(rows[0].pid);
}
