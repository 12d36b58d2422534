import { createPartition, defineMigration, openDatabase, tenantPolicy } from '@parley/database';
import { createLogger } from '@parley/runtime';
import { expect, onTestFinished, test } from 'vitest';
import {
  findTenantFaults,
  postgresVersions,
  prepareService,
  startTestCluster,
  testCluster,
} from '../src/index.ts';

const cluster = await testCluster();

const prepareMetrics = prepareService({
  service: 'metrics',
  migrations: [
    defineMigration('0001-facts', [
      'create table facts (partition int, tenant_id uuid, id bigint, primary key (partition, tenant_id, id))',
      ...tenantPolicy('facts'),
    ]),
  ],
});

function metrics() {
  return cluster.database('metrics', prepareMetrics);
}

test('each database is a fresh copy of what was prepared once', async () => {
  const [first, second] = [await metrics(), await metrics()];
  const open = (url: string) =>
    openDatabase({
      url,
      service: 'metrics',
      poolSize: 2,
      applicationName: 'test',
      statementTimeoutMs: 5_000,
      logger: createLogger({ service: 'test', level: 'silent' }),
    });
  const workers = [
    await open(first.urlFor('metrics_worker')),
    await open(second.urlFor('metrics_worker')),
  ] as const;
  await workers[0].query("insert into facts values (1, '018f0000-0000-7000-8000-00000000000a', 1)");
  const counts = await Promise.all(workers.map((worker) => worker.query('select count(*) from facts')));
  expect(counts.map(({ rows }) => rows)).toEqual([[{ count: 1n }], [{ count: 0n }]]);
  for (const worker of workers) await worker.close();
  await first.drop();
  await second.drop();
});

test('many can ask for a database at once', async () => {
  const databases = await Promise.all([metrics(), metrics(), metrics(), metrics()]);
  expect(new Set(databases.map(({ adminUrl }) => adminUrl)).size).toBe(4);
});

test.each(postgresVersions)('a schema that keeps the rules has no faults on $name', async ({ options }) => {
  const other = await startTestCluster(options);
  onTestFinished(() => other.stop());
  const { adminUrl } = await other.database('metrics', prepareMetrics);
  expect(await findTenantFaults({ adminUrl, schema: 'metrics' })).toEqual([]);
});

test('every fault of a schema is named, and those allowed must occur', async () => {
  const { adminUrl } = await cluster.database(
    'faulty',
    prepareService({
      service: 'faulty',
      migrations: [
        defineMigration('0001-faults', [
          'create table bare (partition int, tenant_id uuid primary key)',
          'create table unforced (partition int, tenant_id uuid, id int, unique (partition, id))',
          'alter table unforced enable row level security',
          'create policy p on unforced using (true)',
          'create table months (partition int, tenant_id uuid, at date) partition by range (at)',
          ...tenantPolicy('months'),
          'create table month_open partition of months default',
          ...createPartition(
            'faulty',
            'months',
            'month_shut',
            "for values from ('2026-01-01') to ('2026-02-01')",
          ),
          'create table settings (name text primary key)',
        ]),
      ],
    }),
  );
  const faults = await findTenantFaults({
    adminUrl,
    schema: 'faulty',
    allowed: ['bare: has no policy', 'gone: has no policy'],
  });
  expect(faults).toEqual([
    'bare: row-level security is not enabled',
    'bare: row-level security is not forced',
    'bare: unique index faulty.bare_pkey does not begin with partition',
    'month_open: partition is open to faulty_app',
    'month_open: partition is open to faulty_worker',
    'unforced: row-level security is not forced',
    'unforced: unique index faulty.unforced_partition_id_key lacks tenant_id',
    'allowed but does not occur: gone: has no policy',
  ]);
});
