import type { PostgresServer } from '@parley/postgres';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootstrapService, migrate, roleUrl } from '../src/index.ts';
import { logger, passwordsOf, startServer, urlOf, versions } from './servers.ts';

describe.each(versions)('on $name', ({ name, binDir }) => {
  let server: PostgresServer;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    ({ server, remove } = await startServer(binDir));
  });
  afterAll(() => remove());

  const ask = async (url: string, statement: string) => {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(statement)).rows;
    } finally {
      await client.end();
    }
  };
  /** An admin as managed Postgres has them: no superuser. */
  const adminWith = async (user: string, attributes: string) => {
    await ask(server.adminUrl, `create role ${user} login password 'p' ${attributes}`);
    return roleUrl(server.adminUrl, user, 'p');
  };
  const bootstrap = (adminUrl: string, service = 'gamma') =>
    bootstrapService({ adminUrl, service, passwords: passwordsOf(service) });

  test('an admin that lacks rights is told which', async () => {
    await expect(bootstrap(await adminWith('nothing', ''))).rejects.toMatchObject({
      kind: 'failed-precondition',
      reason: 'DATABASE_RIGHTS_MISSING',
      facts: {
        user: 'nothing',
        missing: expect.stringMatching(/^CREATEROLE, .*(BYPASSRLS|SUPERUSER).*, CREATE on the database$/),
      },
    });
  });

  test('an admin that is no superuser is enough where Postgres allows it', async () => {
    const adminUrl = await adminWith('manager', 'createrole bypassrls');
    await ask(server.adminUrl, 'grant create on database postgres to manager');
    if (name === 'Postgres 15') {
      await expect(bootstrap(adminUrl)).rejects.toMatchObject({
        facts: { missing: 'SUPERUSER (before Postgres 16 only it can make roles with BYPASSRLS)' },
      });
      return;
    }
    await bootstrap(adminUrl);
    await bootstrap(adminUrl);
    await migrate({ ownerUrl: urlOf(adminUrl, 'gamma', 'owner'), service: 'gamma', migrations: [], logger });
  });

  test('roles that another admin made are refused with what Postgres says', async () => {
    await bootstrap(server.adminUrl, 'delta');
    const adminUrl = await adminWith(
      'stranger',
      `createrole bypassrls ${name === 'Postgres 15' ? 'superuser' : ''}`,
    );
    await ask(server.adminUrl, 'grant create on database postgres to stranger');
    const attempt = bootstrap(adminUrl, 'delta');
    if (name === 'Postgres 15') await attempt;
    else
      await expect(attempt).rejects.toMatchObject({
        reason: 'DATABASE_RIGHTS_MISSING',
        message: expect.stringContaining('permission denied'),
      });
  });

  test('a new password takes the place of the old one', async () => {
    await bootstrap(server.adminUrl, 'epsilon');
    const passwords = { ...passwordsOf('epsilon'), app: 'another password' };
    await bootstrapService({ adminUrl: server.adminUrl, service: 'epsilon', passwords });
    await expect(ask(urlOf(server.adminUrl, 'epsilon', 'app'), 'select 1')).rejects.toThrow(
      'password authentication failed',
    );
    expect(await ask(roleUrl(server.adminUrl, 'epsilon_app', 'another password'), 'select 1 as one')).toEqual(
      [{ one: 1 }],
    );
  });

  test('attributes that were taken from a role or given to it are put right', async () => {
    await bootstrap(server.adminUrl, 'zeta');
    await ask(server.adminUrl, 'alter role zeta_app bypassrls createdb');
    await ask(server.adminUrl, 'alter role zeta_worker nobypassrls');
    await bootstrap(server.adminUrl, 'zeta');
    const rows = await ask(
      server.adminUrl,
      "select rolname, rolbypassrls, rolcreatedb from pg_roles where rolname in ('zeta_app', 'zeta_worker') order by 1",
    );
    expect(rows).toEqual([
      { rolname: 'zeta_app', rolbypassrls: false, rolcreatedb: false },
      { rolname: 'zeta_worker', rolbypassrls: true, rolcreatedb: false },
    ]);
  });

  test('many first starts at once all succeed', async () => {
    await Promise.all(Array.from({ length: 6 }, () => bootstrap(server.adminUrl, 'eta')));
    expect(await ask(urlOf(server.adminUrl, 'eta', 'worker'), 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('a name that is no plain identifier is refused before it reaches SQL', async () => {
    const attempt = bootstrapService({
      adminUrl: server.adminUrl,
      service: 'x; drop role eta_app',
      passwords: passwordsOf('eta'),
    });
    await expect(attempt).rejects.toThrow('Not a plain SQL name');
  });

  test('a server that is not there is unavailable', async () => {
    const nowhere = new URL(server.adminUrl);
    nowhere.port = '1';
    await expect(bootstrap(nowhere.href)).rejects.toMatchObject({
      kind: 'unavailable',
      reason: 'DATABASE_UNAVAILABLE',
    });
  });
});
