import { createClient } from '@connectrpc/connect';
import type { Client } from '@connectrpc/connect';
import type { DescService } from '@bufbuild/protobuf';
import { serviceCredential } from '@parley/access';
import { AccessService } from '@parley/contracts/parley/ingestion/v1/access_service';
import { CollectionService } from '@parley/contracts/parley/ingestion/v1/collection_service';
import { ErasureService } from '@parley/contracts/parley/ingestion/v1/erasure_service';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { LanguageService } from '@parley/contracts/parley/ingestion/v1/language_service';
import { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { QuarantineService } from '@parley/contracts/parley/ingestion/v1/quarantine_service';
import type { Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import type { Tenant } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { openDatabase } from '@parley/database';
import type { Database } from '@parley/database';
import { createHealthRegistry, createTransportTo } from '@parley/rpc';
import type { ClientTransport } from '@parley/rpc';
import { createLogger, sleep, systemNow } from '@parley/runtime';
import type { Now } from '@parley/runtime';
import { serve } from '@parley/service';
import { TEST_SECRET } from '@parley/testing';
import type { TestCluster } from '@parley/testing';
import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { migrateIngestion } from '../src/migrate-ingestion.ts';
import type { IngestionConfig } from '../src/config.ts';
import { createIngestionService } from '../src/service.ts';

export const logger = createLogger({ service: 'ingestion', level: 'fatal' });

export const operatorKey = 'the-operator-key-of-these-tests-only';
export const serviceSecret = 'a service secret of these tests';

/** A tenant with a client of each service that acts by one of its keys. */
export interface TestTenant {
  readonly tenant: Tenant;
  /** Of all scopes. */
  readonly key: string;
  readonly clients: Clients;
}

export interface Clients {
  readonly ingestion: Client<typeof IngestionService>;
  readonly tenants: Client<typeof TenantService>;
  readonly quarantine: Client<typeof QuarantineService>;
  readonly privacy: Client<typeof PrivacyService>;
  readonly access: Client<typeof AccessService>;
  readonly collection: Client<typeof CollectionService>;
  readonly language: Client<typeof LanguageService>;
  readonly log: Client<typeof EventLogService>;
  readonly erasure: Client<typeof ErasureService>;
}

/** How a client calls. */
export interface CallerOptions {
  readonly tenant?: string;
  readonly protocol?: 'grpc' | 'connect';
  readonly useJson?: boolean;
}

/** The service on a port, over a database of its own. */
export interface TestService {
  readonly url: string;
  /** As superuser, who sees all rows. */
  readonly admin: Database;
  readonly adminUrl: string;
  as(credential: string, options?: CallerOptions): Clients;
  readonly operator: Clients;
  readonly service: Clients;
  /** A new tenant. */
  tenant(name?: string): Promise<TestTenant>;
  /** Clients by a new key of these scopes. */
  keyed(tenant: TestTenant, scopes: readonly Scope[]): Promise<Clients>;
  /** The log itself, for what Parley alone writes. */
  readonly eventLog: Awaited<ReturnType<typeof createIngestionService>>['log'];
  /** What is verified of the read model: differences; and how far it is. */
  readonly projections: Awaited<ReturnType<typeof createIngestionService>>['projections'];
  /** Stops the server, then the service. */
  close(): Promise<void>;
}

export interface TestServiceOptions {
  readonly now?: Now;
  /** The clock of the server in front of it, by which failed credentials are forgiven. */
  readonly edgeNow?: Now;
  /** When it is closed: after the test unless told; `afterAll` for one that the tests of a file share. */
  readonly atEnd?: (close: () => Promise<void>) => void;
  readonly modelEndpoints?: IngestionConfig['modelEndpoints'];
  /** The database of another one, of which it is a second process then; one of its own unless told. */
  readonly databaseUrl?: string;
  /** Those that must confirm erasures; nobody unless told. */
  readonly erasureServices?: readonly string[];
}

export async function startService(
  cluster: TestCluster,
  {
    now = systemNow,
    edgeNow = systemNow,
    atEnd = onTestFinished,
    modelEndpoints,
    erasureServices = [],
    databaseUrl,
  }: TestServiceOptions = {},
): Promise<TestService> {
  const database =
    databaseUrl === undefined
      ? await cluster.database('ingestion service', ({ adminUrl }) =>
          migrateIngestion({ adminUrl, databaseSecret: TEST_SECRET, logger, now: systemNow }),
        )
      : { adminUrl: databaseUrl, drop: () => Promise.resolve() };
  const health = createHealthRegistry();
  const ingestion = await createIngestionService(
    {
      databaseUrl: database.adminUrl,
      databaseSecret: TEST_SECRET,
      operatorKey,
      serviceSecret,
      failpoint: undefined,
      erasureServices,
      ...(modelEndpoints && { modelEndpoints }),
    },
    { now, logger, health, holder: randomUUID(), kill: () => undefined },
  );
  const { projections, resolver } = ingestion;
  const server = await serve({ port: 0, services: [ingestion], resolver, health, logger, now: edgeNow });
  while (health.get('') !== 'serving') await sleep(10);
  const admin = await openDatabase({
    url: database.adminUrl,
    service: 'ingestion',
    poolSize: 2,
    applicationName: 'test',
    statementTimeoutMs: 30_000,
    logger,
  });
  const transports: ClientTransport[] = [];
  let closing: Promise<void> | undefined;
  const close = () =>
    (closing ??= (async () => {
      await server.close(100);
      await ingestion.close();
    })());
  atEnd(async () => {
    for (const transport of transports) transport.close();
    await close();
    await admin.close();
    await database.drop();
  });

  const as = (credential: string, options: CallerOptions = {}): Clients => {
    const transport = createTransportTo({ baseUrl: server.url, credential, retry: false, ...options });
    transports.push(transport);
    const client = <Service extends DescService>(service: Service) => createClient(service, transport);
    return {
      ingestion: client(IngestionService),
      tenants: client(TenantService),
      quarantine: client(QuarantineService),
      privacy: client(PrivacyService),
      access: client(AccessService),
      collection: client(CollectionService),
      language: client(LanguageService),
      log: client(EventLogService),
      erasure: client(ErasureService),
    };
  };
  const operator = as(operatorKey);
  return {
    url: server.url,
    admin,
    adminUrl: database.adminUrl,
    as,
    operator,
    service: as(serviceCredential(serviceSecret, 'metrics')),
    async tenant(name = `tenant-${randomUUID()}`) {
      const { tenant, key } = await operator.tenants.createTenant({ name });
      if (tenant === undefined) throw new Error('no tenant');
      return { tenant, key, clients: as(key) };
    },
    async keyed({ clients }, scopes) {
      const { key } = await clients.tenants.createApiKey({ scopes: [...scopes] });
      return as(key);
    },
    eventLog: ingestion.log,
    projections,
    close,
  };
}
