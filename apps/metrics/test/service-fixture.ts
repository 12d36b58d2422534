import { randomBytes, randomUUID } from 'node:crypto';
import type { DescService } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import type { Client } from '@connectrpc/connect';
import { createLocalResolver, createPositionSealer, generateApiKey } from '@parley/access';
import type { NewApiKey, PositionSealer, Scope, Tenant } from '@parley/access';
import { Health } from '@parley/contracts/grpc/health/v1/health';
import { AnalysisService } from '@parley/contracts/parley/metrics/v1/analysis_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { SettingsService } from '@parley/contracts/parley/metrics/v1/settings_service';
import { createHealthRegistry, createTransportTo, startRpcServer } from '@parley/rpc';
import { systemNow } from '@parley/runtime';
import type { Now } from '@parley/runtime';
import type { ErasureCoordinator } from '@parley/service';
import { TEST_SECRET } from '@parley/testing';
import type { TestCluster, TestDatabase, TestStandby } from '@parley/testing';
import { onTestFinished } from 'vitest';
import { createMetricsService } from '../src/service.ts';
import { tenantA, tenantB } from './events.ts';
import type { NewEvent } from './events.ts';
import { logger, partition, prepareMetrics } from './metrics-database.ts';
import { createSimulatedLog } from './simulated-log.ts';
import type { SimulatedLog } from './simulated-log.ts';

export const operatorKey = 'the-operator-key-of-these-tests-only';
export const serviceSecret = 'a service secret of these tests';

export type MetricsClient = Client<typeof MetricsService>;

/** Of whom a call is made. */
export interface CallerOptions {
  readonly credential: string;
  readonly tenant?: string;
  readonly protocol?: 'grpc' | 'connect';
}

/** The service on a port, over a database and a log of its own. */
export interface TestService {
  readonly log: SimulatedLog;
  readonly standby: TestStandby | undefined;
  readonly database: TestDatabase;
  readonly running: Awaited<ReturnType<typeof createMetricsService>>;
  readonly positions: PositionSealer;
  /** Appends, and waits until the figures hold it. */
  tell(events: readonly NewEvent[]): Promise<void>;
  as(caller: CallerOptions): MetricsClient;
  settingsAs(caller: CallerOptions): Client<typeof SettingsService>;
  analysesAs(caller: CallerOptions): Client<typeof AnalysisService>;
  clientOf<Asked extends DescService>(asked: Asked, caller: CallerOptions): Client<Asked>;
  /** By a key of scope `read` of tenant A: UTC and USD; and of tenant B: New York and USD. */
  readonly a: MetricsClient;
  readonly b: MetricsClient;
  /** A new key of tenant A. */
  keyOf(scopes: readonly Scope[]): string;
  readonly health: Client<typeof Health>;
  /** As superuser. */
  readonly adminUrl: string;
}

export interface TestServiceOptions {
  readonly now?: Now;
  /** Whether the log can be read from the start. */
  readonly isReachable?: boolean;
  /** Whether a streaming replica answers reports. */
  readonly hasStandby?: boolean;
  /** When it is closed: after the test unless told; `afterAll` for one that the tests of a file share. */
  readonly atEnd?: (close: () => Promise<void>) => void;
  /** Whose erasures are to be confirmed; nobody's unless told. */
  readonly erasures?: ErasureCoordinator;
}

const noErasures: ErasureCoordinator = {
  listPending: () => Promise.resolve([]),
  confirm: () => Promise.reject(new Error('There is nothing to confirm.')),
};

export async function startService(
  cluster: TestCluster,
  {
    now = systemNow,
    isReachable = true,
    hasStandby = false,
    atEnd = onTestFinished,
    erasures = noErasures,
  }: TestServiceOptions = {},
): Promise<TestService> {
  const database = await cluster.database('metrics', prepareMetrics);
  const standby = hasStandby ? await cluster.standby() : undefined;
  const log = createSimulatedLog(partition);
  log.setReachable(isReachable);
  const health = createHealthRegistry();
  const running = await createMetricsService(
    { databaseUrl: database.adminUrl, databaseSecret: TEST_SECRET, serviceSecret },
    {
      now,
      logger,
      health,
      source: log,
      erasures,
      holder: randomUUID(),
      readDatabaseUrl: standby?.urlFor(database, 'metrics_app'),
    },
  );
  const directory = createDirectory();
  const { routes, access, interceptor } = running;
  const server = await startRpcServer({
    port: 0,
    routes,
    access,
    interceptors: interceptor === undefined ? [] : [interceptor],
    resolver: createLocalResolver({ operatorKey, directory }),
    health,
    logger,
    now: systemNow,
  });
  const closers = [() => server.close(100), () => running.close(), () => database.drop()];
  atEnd(async () => {
    for (const close of closers) await close();
  });

  const transportOf = (caller: CallerOptions) => {
    const transport = createTransportTo({ baseUrl: server.url, retry: false, ...caller });
    closers.unshift(async () => transport.close());
    return transport;
  };
  const as = (caller: CallerOptions): MetricsClient => createClient(MetricsService, transportOf(caller));
  const positions = createPositionSealer(serviceSecret);
  const a = as({ credential: directory.add(a1, ['read']) });
  return {
    adminUrl: database.adminUrl,
    log,
    running,
    standby,
    database,
    positions,
    as,
    analysesAs: (caller) => createClient(AnalysisService, transportOf(caller)),
    settingsAs: (caller) => createClient(SettingsService, transportOf(caller)),
    clientOf: (asked, caller) => createClient(asked, transportOf(caller)),
    a,
    b: as({ credential: directory.add(b1, ['read']), protocol: 'connect' }),
    keyOf: (scopes) => directory.add(a1, scopes),
    health: createClient(Health, transportOf({ credential: '-' })),
    async tell(events) {
      log.append(events);
      await a.getRealTimeMetrics({ minPosition: positions.seal({ partition, offset: log.head }) });
    },
  };
}

const a1: Tenant = { tenantId: tenantA, name: 'tenant-a', partition, timeZone: 'UTC', currency: 'USD' };
const b1: Tenant = { ...a1, tenantId: tenantB, name: 'tenant-b', timeZone: 'America/New_York' };

/** Tenants and keys in memory. */
function createDirectory() {
  const keys = new Map<string, { key: NewApiKey; tenant: Tenant; scopes: readonly Scope[] }>();
  return {
    add(tenant: Tenant, scopes: readonly Scope[]): string {
      const key = generateApiKey(randomBytes);
      keys.set(key.keyId, { key, tenant, scopes });
      return key.text;
    },
    async findKey(keyId: string) {
      const found = keys.get(keyId);
      return found && { secretHash: found.key.secretHash, scopes: found.scopes, tenant: found.tenant };
    },
    findTenant: async (name: string) => [a1, b1].find((tenant) => tenant.name === name),
  };
}
