import type { PostgresServer } from '@parley/postgres';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bootstrapService, defineMigration, migrate } from '../src/index.ts';
import type { NamedMigration } from '../src/index.ts';
import { logger, passwordsOf, startServer, urlOf, versions } from './servers.ts';

describe.each(versions)('on $name', ({ binDir }) => {
  let server: PostgresServer;
  let remove: () => Promise<void>;
  let admin: Client;
  let service: string;
  let services = 0;
  beforeAll(async () => {
    ({ server, remove } = await startServer(binDir));
    admin = new Client({ connectionString: server.adminUrl });
    await admin.connect();
  });
  afterAll(async () => {
    await admin.end();
    await remove();
  });
  beforeEach(async () => {
    services += 1;
    service = `service_${services}`;
    await bootstrapService({ adminUrl: server.adminUrl, service, passwords: passwordsOf(service) });
  });

  const run = (migrations: readonly NamedMigration[]) =>
    migrate({ ownerUrl: urlOf(server.adminUrl, service, 'owner'), service, migrations, logger });
  const tables = async () => {
    const { rows } = await admin.query<{ name: string }>(
      "select relname as name from pg_class where relnamespace = $1::regnamespace and relkind = 'r' order by 1",
      [service],
    );
    return rows.map(({ name }) => name);
  };
  const first = defineMigration('0001-first', ['create table first (a int)']);
  const second = defineMigration('0002-second', [
    'create table second (a int)',
    'insert into second values (1)',
  ]);

  test('what is new is applied, in order, once, in the schema of the service', async () => {
    expect(await run([first])).toEqual(['0001-first']);
    expect(await run([first, second])).toEqual(['0002-second']);
    expect(await run([first, second])).toEqual([]);
    expect(await tables()).toEqual(['first', 'migrations', 'second']);
  });

  test('many processes that migrate an empty schema apply each step once between them', async () => {
    const applied = await Promise.all(Array.from({ length: 4 }, () => run([first, second])));
    expect(applied.flat().sort()).toEqual(['0001-first', '0002-second']);
  });

  test('a step that fails leaves nothing behind, those before it stay, and a mended one is applied', async () => {
    const failing = defineMigration('0002-second', ['create table second (a int)', 'select 1 / 0']);
    await expect(run([first, failing])).rejects.toThrow('division by zero');
    expect(await tables()).toEqual(['first', 'migrations']);
    expect(await run([first, second])).toEqual(['0002-second']);
  });

  test('killed in the middle of a step, the next run ends what was begun', async () => {
    const slow = defineMigration('0002-second', ['create table second (a int)', 'select pg_sleep(20)']);
    const killed = expect(run([first, slow])).rejects.toMatchObject({ kind: 'unavailable' });
    await expect
      .poll(async () => {
        const { rowCount } = await admin.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = $1 and query like '%pg_sleep%'`,
          [`${service} migrate`],
        );
        return rowCount;
      })
      .toBe(1);
    await killed;
    expect(await run([first, second])).toEqual(['0002-second']);
  });

  test('a table in use does not hold up its traffic for more than the lock time-out, and is changed once free', async () => {
    await run([first]);
    await admin.query('begin');
    await admin.query(`select * from ${service}.first`);
    const changing = run([first, defineMigration('0002-change', ['alter table first add b int'])]);
    const reader = new Client({ connectionString: server.adminUrl });
    await reader.connect();
    await expect
      .poll(
        async () =>
          (await admin.query("select from pg_locks where not granted and mode = 'AccessExclusiveLock'"))
            .rowCount,
      )
      .toBe(1);
    const startedAt = performance.now();
    await reader.query(`select * from ${service}.first`);
    const heldUpMs = performance.now() - startedAt;
    await reader.end();
    await admin.query('commit');
    expect(await changing).toEqual(['0002-change']);
    expect(heldUpMs).toBeLessThan(2_500);
  });
});
