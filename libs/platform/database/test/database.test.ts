import { defineEntity, p } from '@mikro-orm/core';
import { DomainError } from '@parley/errors';
import type { PostgresServer } from '@parley/postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  bootstrapService,
  copyIn,
  createPartition,
  defineMigration,
  migrate,
  openDatabase,
  tenantPolicy,
} from '../src/index.ts';
import type { Database, RoleKind } from '../src/index.ts';
import { logger, passwordsOf, startServer, urlOf, versions } from './servers.ts';

const KINDS: readonly RoleKind[] = ['owner', 'app', 'worker', 'append'];
const ACME = '018f0000-0000-7000-8000-00000000000a';
const GLOBEX = '018f0000-0000-7000-8000-00000000000b';

const migrations = [
  defineMigration('0001-notes', [
    'create table notes (partition int not null, tenant_id uuid not null, id bigint not null, body text, primary key (partition, tenant_id, id))',
    ...tenantPolicy('notes'),
  ]),
  defineMigration('0002-events', [
    `create table events (partition int not null, tenant_id uuid not null, at timestamptz not null, n bigint not null,
       unique (partition, tenant_id, at, n)) partition by range (at)`,
    ...tenantPolicy('events', { form: 'plain' }),
    ...createPartition('alpha', 'events', 'events_2026', "for values from ('2026-01-01') to ('2027-01-01')"),
    'grant select, insert on events to alpha_append',
  ]),
];

const Note = defineEntity({
  name: 'Note',
  tableName: 'notes',
  properties: {
    partition: p.integer().primary(),
    tenantId: p.uuid().primary(),
    id: p.bigint().primary(),
    body: p.text().nullable(),
  },
});

describe.each(versions)('on $name', ({ binDir }) => {
  let server: PostgresServer;
  let remove: () => Promise<void>;
  const opened: Database[] = [];

  const open = async (kind: RoleKind, options: { poolSize?: number; statementTimeoutMs?: number } = {}) => {
    const database = await openDatabase({
      url: urlOf(server.adminUrl, 'alpha', kind),
      service: 'alpha',
      entities: [Note],
      poolSize: 4,
      applicationName: 'test',
      statementTimeoutMs: 5_000,
      logger,
      ...options,
    });
    opened.push(database);
    return database;
  };
  const insertNote = 'insert into notes values (1, $1, $2, $3)';

  beforeAll(async () => {
    ({ server, remove } = await startServer(binDir));
    for (const service of ['alpha', 'beta']) {
      await bootstrapService({ adminUrl: server.adminUrl, service, passwords: passwordsOf(service) });
    }
    await migrate({
      ownerUrl: urlOf(server.adminUrl, 'alpha', 'owner'),
      service: 'alpha',
      migrations,
      logger,
    });
    await migrate({
      ownerUrl: urlOf(server.adminUrl, 'beta', 'owner'),
      service: 'beta',
      migrations: [defineMigration('0001-secrets', ['create table secrets (name text)'])],
      logger,
    });
    const app = await open('app');
    await app.withTenant(ACME, (tx) => tx.query(insertNote, [ACME, 1n, 'of acme']));
    await app.withTenant(GLOBEX, (tx) => tx.query(insertNote, [GLOBEX, 1n, 'of globex']));
  });
  afterAll(async () => {
    for (const database of opened) await database.close();
    await remove();
  });

  test('what seeks by index does so in that transaction alone', async () => {
    const app = await open('app', { poolSize: 1 });
    const setting = (tx: Pick<Database, 'query'>) =>
      tx.query<{ seqscan: string }>(`select current_setting('enable_seqscan') as seqscan`);
    const inside = await app.withTenant(ACME, setting, { byIndex: true });
    expect(inside.rows).toEqual([{ seqscan: 'off' }]);
    expect((await setting(app)).rows).toEqual([{ seqscan: 'on' }]);
  });

  test('a tenant sees its own rows and no others', async () => {
    const app = await open('app');
    const { rows } = await app.withTenant(ACME, (tx) => tx.query('select tenant_id, id, body from notes'));
    expect(rows).toEqual([{ tenant_id: ACME, id: 1n, body: 'of acme' }]);
  });

  test('without a tenant the app role sees nothing, also on a connection that had one before', async () => {
    const app = await open('app', { poolSize: 1 });
    await app.withTenant(ACME, (tx) => tx.query('select 1'));
    const alone = await app.query('select * from notes');
    const inTransaction = await app.transaction((tx) => tx.query('select * from notes'));
    const plainForm = await app.query('select * from events');
    expect([alone.rows, inTransaction.rows, plainForm.rows]).toEqual([[], [], []]);
  });

  test('the tenant is gone from the connection when its transaction fails', async () => {
    const app = await open('app', { poolSize: 1 });
    await expect(app.withTenant(ACME, (tx) => tx.query('select 1 / 0'))).rejects.toThrow('division by zero');
    expect((await app.query("select current_setting('app.tenant', true) as tenant")).rows).toEqual([
      { tenant: '' },
    ]);
  });

  test('nobody writes a row for another tenant', async () => {
    const app = await open('app');
    await expect(app.withTenant(ACME, (tx) => tx.query(insertNote, [GLOBEX, 9n, 'planted']))).rejects.toThrow(
      'row-level security',
    );
  });

  test('a tenant id that is no UUID is refused before it reaches SQL', async () => {
    const app = await open('app');
    await expect(app.withTenant("x'; drop table notes; --", (tx) => tx.query('select 1'))).rejects.toThrow(
      'Not a tenant',
    );
  });

  test('the owner is held by the policies too, workers are not', async () => {
    const owner = await open('owner');
    const worker = await open('worker');
    expect((await owner.query('select * from notes')).rows).toEqual([]);
    expect((await worker.query('select * from notes')).rows).toHaveLength(2);
  });

  test.each(KINDS)('%s reaches nothing outside its schema', async (kind) => {
    const database = await open(kind);
    await expect(database.query('select * from beta.secrets')).rejects.toThrow(
      'permission denied for schema beta',
    );
    await expect(database.query('create table public.t (a int)')).rejects.toThrow(
      'permission denied for schema public',
    );
    await expect(database.query('create schema mine')).rejects.toThrow('permission denied for database');
    await expect(database.query('select rolpassword from pg_authid')).rejects.toThrow('permission denied');
  });

  test('only the owner makes tables or reads the list of migrations', async () => {
    for (const kind of ['app', 'worker', 'append'] as const) {
      const database = await open(kind);
      await expect(database.query('create table alpha.t (a int)')).rejects.toThrow(
        'permission denied for schema',
      );
      await expect(database.query('select * from migrations')).rejects.toThrow('permission denied for table');
    }
  });

  test('a partition is reached through its parent alone', async () => {
    const worker = await open('worker');
    expect((await worker.query('select * from events')).rows).toEqual([]);
    await expect(worker.query('select * from events_2026')).rejects.toThrow('permission denied for table');
    const app = await open('app');
    await expect(app.query('select * from events_2026')).rejects.toThrow('permission denied for table');
  });

  test('append may do what a migration granted by name and nothing else', async () => {
    const append = await open('append');
    await append.query('insert into events values (1, $1, $2, 1)', [ACME, new Date('2026-03-01T00:00:00Z')]);
    await expect(append.query('delete from events')).rejects.toThrow('permission denied');
    await expect(append.query('select * from notes')).rejects.toThrow('permission denied');
  });

  test('entities see their tenant alone, and are written at the end of the transaction', async () => {
    const app = await open('app');
    await app.entities(ACME, async (em) => {
      em.create(Note, { partition: 1, tenantId: ACME, id: 2n, body: 'by entity' });
    });
    const seen = await app.entities(ACME, (em) => em.find(Note, {}, { orderBy: { id: 'asc' } }));
    expect(seen.map((note) => note.body)).toEqual(['of acme', 'by entity']);
    expect(await app.entities(undefined, (em) => em.count(Note, {}))).toBe(0);
  });

  test('bootstrapping again, by many at once and for two databases, changes nothing and fails nowhere', async () => {
    const worker = await open('worker');
    await worker.query('select 1');
    const other = new URL(server.adminUrl);
    other.pathname = '/template1';
    await Promise.all(
      [server.adminUrl, other.href, server.adminUrl, other.href].map((adminUrl) =>
        bootstrapService({ adminUrl, service: 'alpha', passwords: passwordsOf('alpha') }),
      ),
    );
    expect((await worker.query('select * from notes where id = 1')).rows).toHaveLength(2);
    const fresh = await open('app');
    expect((await fresh.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('migrating again, and by many at once, applies nothing twice', async () => {
    const again = () =>
      migrate({ ownerUrl: urlOf(server.adminUrl, 'alpha', 'owner'), service: 'alpha', migrations, logger });
    expect(await Promise.all([again(), again(), again()])).toEqual([[], [], []]);
  });

  test('COPY writes what SELECT then reads', async () => {
    const worker = await open('worker');
    const at = new Date('2026-05-05T05:05:05.005Z');
    const written = await worker.transaction((tx) =>
      copyIn(
        tx.client,
        {
          table: 'events',
          columns: [
            ['partition', 'int4'],
            ['tenant_id', 'uuid'],
            ['at', 'timestamptz'],
            ['n', 'int8'],
          ],
        },
        [
          [7, GLOBEX, at, 2n ** 62n],
          [7, GLOBEX, at, -5],
        ],
      ),
    );
    const { rows } = await worker.query('select at, n from events where partition = 7 order by n');
    expect(written).toBe(2);
    expect(rows).toEqual([
      { at, n: -5n },
      { at, n: 2n ** 62n },
    ]);
  });

  test('COPY writes doubles to the last bit and any JSON', async () => {
    const worker = await open('worker');
    const numbers = [0.1, -0, 5e-324, 1.7976931348623157e308];
    const values = [{ 'käse "\u{1F9C0}"': [1.5, null, true, 'x'.repeat(10_000)] }, [], 'text', null];
    const { rows } = await worker.transaction(async (tx) => {
      await tx.query('create temporary table copied (number float8, value jsonb, n int4) on commit drop');
      const columns = [
        ['number', 'float8'],
        ['value', 'jsonb'],
        ['n', 'int4'],
      ] as const;
      const written = numbers.map((number, n) => [number, JSON.stringify(values[n]), n] as const);
      await copyIn(tx.client, { table: 'copied', columns }, written);
      return tx.query('select number, value from copied order by n');
    });
    expect(rows).toEqual(numbers.map((number, n) => ({ number, value: values[n] })));
  });

  test('a pool that is used up answers unavailable within two seconds', async () => {
    const worker = await open('worker', { poolSize: 1 });
    let free: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (free = resolve));
    const holder = worker.transaction(() => held);
    const startedAt = performance.now();
    await expect(worker.query('select 1')).rejects.toMatchObject({
      kind: 'unavailable',
      reason: 'DATABASE_UNAVAILABLE',
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    free();
    await holder;
    expect((await worker.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('a deadlock is run again, and both sides succeed', async () => {
    const worker = await open('worker');
    await worker.query("insert into notes values (8, $1, 1, ''), (8, $1, 2, '')", [ACME]);
    let runs = 0;
    const meet = rendezvous(2);
    const touch = (first: bigint, second: bigint) =>
      worker.transaction(async (tx) => {
        runs += 1;
        await tx.query("update notes set body = body || 'x' where partition = 8 and id = $1", [first]);
        await meet();
        await tx.query("update notes set body = body || 'x' where partition = 8 and id = $1", [second]);
      });
    await Promise.all([touch(1n, 2n), touch(2n, 1n)]);
    const { rows } = await worker.query('select body from notes where partition = 8');
    expect(rows).toEqual([{ body: 'xx' }, { body: 'xx' }]);
    // One of them loses, now and then both.
    expect(runs).toBeGreaterThanOrEqual(3);
  });

  test('a conflict that outlasts its attempts is aborted', async () => {
    const worker = await open('worker');
    let runs = 0;
    const failing = worker.transaction(
      async (tx) => {
        runs += 1;
        await tx.query("do $$ begin raise exception 'planted' using errcode = '40001'; end $$");
      },
      { attempts: 3 },
    );
    await expect(failing).rejects.toMatchObject({ kind: 'aborted', reason: 'DATABASE_CONFLICT' });
    // One of them loses, now and then both.
    expect(runs).toBeGreaterThanOrEqual(3);
  });

  test('a transaction whose failed statement was ignored is not taken for committed', async () => {
    const worker = await open('worker');
    const careless = worker.transaction(async (tx) => {
      await tx.query('select 1 / 0').catch(() => undefined);
    });
    await expect(careless).rejects.toThrow('Not committed');
  });

  test('a statement that takes too long is cancelled', async () => {
    const worker = await open('worker', { statementTimeoutMs: 100 });
    await expect(worker.query('select pg_sleep(5)')).rejects.toMatchObject({
      kind: 'deadline-exceeded',
      reason: 'DATABASE_TIMEOUT',
    });
  });

  test('a killed backend is unavailable to its transaction and forgotten by the pool', async () => {
    const worker = await open('worker', { poolSize: 1 });
    const killed = worker.transaction(async (tx) => {
      const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
      const owner = await open('worker');
      await owner.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
      await tx.query('select pg_sleep(1)');
    });
    await expect(killed).rejects.toBeInstanceOf(DomainError);
    await expect(killed).rejects.toMatchObject({ kind: 'unavailable', reason: 'DATABASE_UNAVAILABLE' });
    expect((await worker.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('a listener hears notifications, and says when it was cut and is back', async () => {
    const worker = await open('worker');
    const heard: string[] = [];
    const listener = worker.listen('news', {
      onPayload: (payload) => heard.push(payload),
      onConnection: (isConnected) => heard.push(isConnected ? 'connected' : 'cut'),
    });
    await expect.poll(() => heard).toEqual(['connected']);
    await worker.query("select pg_notify('news', 'first')");
    await expect.poll(() => heard).toEqual(['connected', 'first']);
    await worker.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test listen' and usename = current_user",
    );
    await expect.poll(() => heard).toEqual(['connected', 'first', 'cut', 'connected']);
    await listener.close();
  });
});

/** Lets callers go on once `count` of them have arrived; those who come later pass. */
function rendezvous(count: number): () => Promise<void> {
  let arrived = 0;
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  return () => {
    arrived += 1;
    if (arrived >= count) open();
    return gate;
  };
}
