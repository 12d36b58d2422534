import type { PostgresServer } from '@parley/postgres';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { bootstrapService, copyIn, defineMigration, migrate, openDatabase } from '../src/index.ts';
import type { Database, DatabaseOptions } from '../src/index.ts';
import { logger, passwordsOf, startServer, urlOf } from './servers.ts';

const unavailable = { kind: 'unavailable', reason: 'DATABASE_UNAVAILABLE' };
let server: PostgresServer;
let remove: () => Promise<void>;
const opened: Database[] = [];

beforeAll(async () => {
  ({ server, remove } = await startServer(undefined));
  await bootstrapService({ adminUrl: server.adminUrl, service: 'alpha', passwords: passwordsOf('alpha') });
  await migrate({
    ownerUrl: urlOf(server.adminUrl, 'alpha', 'owner'),
    service: 'alpha',
    migrations: [defineMigration('0001-items', ['create table items (id bigint primary key)'])],
    logger,
  });
});
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
});
afterAll(() => remove());

async function open(options: Partial<DatabaseOptions> = {}): Promise<Database> {
  const database = await openDatabase({
    url: urlOf(server.adminUrl, 'alpha', 'worker'),
    service: 'alpha',
    poolSize: 2,
    applicationName: 'faults',
    statementTimeoutMs: 5_000,
    logger,
    ...options,
  });
  opened.push(database);
  return database;
}

async function asAdmin(statement: string): Promise<readonly Record<string, unknown>[]> {
  const admin = new Client({ connectionString: server.adminUrl });
  await admin.connect();
  try {
    return (await admin.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await admin.end();
  }
}

test('a crash of the server is unavailable to what runs and what comes, and over once it is back', async () => {
  const database = await open();
  const running = database.transaction((tx) => tx.query('select pg_sleep(20)'));
  const entities = database.entities(undefined, (em) => em.execute('select pg_sleep(20)'));
  const both = Promise.all([
    expect(running).rejects.toMatchObject(unavailable),
    expect(entities).rejects.toMatchObject(unavailable),
  ]);
  await expect
    .poll(
      async () => (await asAdmin("select from pg_stat_activity where query = 'select pg_sleep(20)'")).length,
    )
    .toBe(2);
  await server.crash();
  await expect(database.query('select 1')).rejects.toMatchObject(unavailable);
  await both;
  await server.ready(10_000);
  expect((await database.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  expect(await database.entities(undefined, (em) => em.execute('select 2 as two'))).toEqual([{ two: 2 }]);
});

test('a transaction that stands idle for longer than it may is ended, and what it locked is free', async () => {
  const database = await open();
  const frozen = database.transaction(
    async (tx) => {
      await tx.query('select pg_advisory_xact_lock(1)');
      await new Promise((resolve) => setTimeout(resolve, 500));
      await tx.query('select 1');
    },
    { idleMs: 100 },
  );
  const told = expect(frozen).rejects.toMatchObject(unavailable);
  await expect
    .poll(async () => (await asAdmin("select from pg_locks where locktype = 'advisory'")).length)
    .toBe(1);
  await database.transaction((tx) => tx.query('select pg_advisory_xact_lock(1)'));
  await told;
});

test('a server without connections to spare is unavailable', async () => {
  const database = await open();
  await asAdmin('alter role alpha_worker connection limit 0');
  await expect(database.query('select 1')).rejects.toMatchObject({
    ...unavailable,
    cause: { code: '53300' },
  });
  await asAdmin('alter role alpha_worker connection limit -1');
  expect((await database.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});

test('a server that stands still is given up, for a statement and for a COPY', async () => {
  const database = await open({ statementTimeoutMs: 500 });
  const pid = async () => {
    const { rows } = await database.query<{ pid: number }>('select pg_backend_pid() as pid');
    return rows[0]?.pid ?? 0;
  };
  const freeze = async (work: () => Promise<unknown>) => {
    const backend = await pid();
    process.kill(backend, 'SIGSTOP');
    try {
      await expect(work()).rejects.toMatchObject(unavailable);
    } finally {
      process.kill(backend, 'SIGCONT');
    }
  };
  await freeze(() => database.query('select 1'));
  await freeze(() =>
    database.transaction((tx) => copyIn(tx.client, { table: 'items', columns: [['id', 'int8']] }, [[99n]])),
  );
  expect((await database.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});

test('a COPY that breaks a rule fails its transaction and spares the connection', async () => {
  const database = await open({ poolSize: 1 });
  const target = { table: 'items', columns: [['id', 'int8']] } as const;
  const backend = async () => (await database.query('select pg_backend_pid() as pid')).rows;
  const before = await backend();
  const copy = (rows: readonly (readonly bigint[])[]) =>
    database.transaction((tx) => copyIn(tx.client, target, rows));
  expect(await copy([[1n], [2n]])).toBe(2);
  await expect(copy([[3n], [1n]])).rejects.toMatchObject({ code: '23505' });
  expect((await database.query('select id from items order by id')).rows).toEqual([{ id: 1n }, { id: 2n }]);
  expect(await backend()).toEqual(before);
});

test('a commit whose wait for a standby was cancelled is not taken for one', async () => {
  const database = await open({ poolSize: 3 });
  await asAdmin("alter system set synchronous_standby_names = 'ANY 1 (absent)'");
  await asAdmin('select pg_reload_conf()');
  const unreplicated = { kind: 'unavailable', reason: 'NOT_REPLICATED' };
  const byStatement = expect(
    database.transaction((tx) => tx.query('insert into items values (100)')),
  ).rejects.toMatchObject(unreplicated);
  const byEntities = expect(
    database.entities(undefined, (em) => em.execute('insert into items values (101)')),
  ).rejects.toMatchObject(unreplicated);
  const alone = expect(database.query('insert into items values (102)')).rejects.toMatchObject(unreplicated);
  const waiting = "from pg_stat_activity where wait_event = 'SyncRep'";
  await expect.poll(async () => (await asAdmin(`select ${waiting}`)).length).toBe(3);
  await asAdmin(`select pg_cancel_backend(pid) ${waiting}`);
  await byStatement;
  await byEntities;
  await alone;
  await asAdmin('alter system reset synchronous_standby_names');
  await asAdmin('select pg_reload_conf()');
});

test('a listener comes back after a crash of the server, and closes while the server is away', async () => {
  const database = await open();
  const heard: string[] = [];
  const listener = database.listen('news', {
    onPayload: (payload) => heard.push(payload),
    onConnection: (isConnected) => heard.push(isConnected ? 'connected' : 'cut'),
  });
  await expect.poll(() => heard).toEqual(['connected']);
  await server.crash();
  await server.ready(10_000);
  await expect.poll(() => heard, { timeout: 5_000 }).toEqual(['connected', 'cut', 'connected']);
  await database.query("select pg_notify('news', 'after the crash')");
  await expect.poll(() => heard.at(-1)).toBe('after the crash');
  await listener.close();

  const nowhere = new URL(server.adminUrl);
  nowhere.port = '1';
  const away = await open({ url: nowhere.href });
  const deaf = away.listen('news', { onPayload: () => undefined, onConnection: () => undefined });
  const startedAt = performance.now();
  await deaf.close();
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});

test('opening needs no server, and closing waits for transactions in progress', async () => {
  const database = await open();
  const slow = database.transaction((tx) => tx.query('select pg_sleep(0.3)'));
  await database.query('select 1');
  await database.close();
  opened.splice(0);
  await expect(slow).resolves.toBeDefined();
  await expect(database.query('select 1')).rejects.toMatchObject(unavailable);
});

test('what the address says about TLS is kept to', async () => {
  const url = new URL(urlOf(server.adminUrl, 'alpha', 'worker'));
  url.searchParams.set('sslmode', 'verify-full');
  const database = await open({ url: url.href });
  await expect(database.query('select 1')).rejects.toThrow('does not support SSL');
});
