import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  access,
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createLogger } from '@parley/runtime';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../src/index.ts';
import type { PostgresOptions, PostgresServer } from '../src/index.ts';

const DEBIAN_15 = '/usr/lib/postgresql/15/bin';
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

let dataDir: string;
beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), 'parley-postgres-')), 'data');
});
// A backend that was killed may still be ending.
afterEach(() => rm(join(dataDir, '..'), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));

async function start(options: Partial<PostgresOptions> = {}): Promise<PostgresServer> {
  const server = await startPostgres({
    dataDir,
    logger: createLogger({ service: 'test', level: 'silent' }),
    ...options,
    settings: { shared_buffers: '32MB', fsync: 'off', ...options.settings },
  });
  onTestFinished(() => server.stop());
  return server;
}

async function ask(adminUrl: string, statement: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ connectionString: adminUrl, connectionTimeoutMillis: 2_000 });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

function postmasterPid(): Promise<number> {
  return readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8').then((text) =>
    Number(text.split('\n')[0]),
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('what was written is there after a second start, under the same password', async () => {
  const first = await start();
  await ask(first.adminUrl, 'create table kept as select 42 as answer');
  await first.stop();
  const second = await start();
  expect(await ask(second.adminUrl, 'select answer from kept')).toEqual([{ answer: 42 }]);
  expect(new URL(second.adminUrl).password).toBe(new URL(first.adminUrl).password);
});

test('a commit is flushed unless told otherwise', async () => {
  const server = await startPostgres({ dataDir, logger: createLogger({ service: 'test', level: 'silent' }) });
  onTestFinished(() => server.stop());
  const rows = await ask(
    server.adminUrl,
    "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums') order by 1",
  );
  expect(rows.map(({ name, setting }) => `${String(name)} ${String(setting)}`)).toEqual([
    'data_checksums on',
    'fsync on',
    'full_page_writes on',
    'synchronous_commit on',
  ]);
});

test('a wrong password and every way but 127.0.0.1 are refused, and the password is private', async () => {
  const { adminUrl } = await start();
  const wrong = new URL(adminUrl);
  wrong.password = 'wrong';
  await expect(ask(wrong.href, 'select 1')).rejects.toThrow('password authentication failed');
  expect(
    await ask(
      adminUrl,
      "select current_setting('listen_addresses') as a, current_setting('unix_socket_directories') as u",
    ),
  ).toEqual([{ a: '127.0.0.1', u: '' }]);
  const { mode } = await stat(join(dataDir, 'cluster', 'superuser-password'));
  expect((mode & 0o777).toString(8)).toBe('600');
});

test('a crash is recovered from, on the same port, with all that was committed', async () => {
  const server = await start();
  await ask(server.adminUrl, 'create table kept as select 42 as answer');
  await server.crash();
  await server.ready(10_000);
  expect(await ask(server.adminUrl, 'select answer from kept')).toEqual([{ answer: 42 }]);
});

test('a server killed outright is started again, though its backends live on for a moment', async () => {
  const server = await start();
  const busy = ask(server.adminUrl, 'select pg_sleep(60)').catch((error: unknown) => error);
  process.kill(await postmasterPid(), 'SIGKILL');
  await expect
    .poll(() => ask(server.adminUrl, 'select 1 as one').catch(() => []), { timeout: 20_000 })
    .toEqual([{ one: 1 }]);
  expect(await busy).toBeInstanceOf(Error);
});

test('a server that can not start is tried again until it can', async () => {
  const server = await start();
  const control = join(dataDir, 'cluster', 'global', 'pg_control');
  const crashed = server.crash();
  await rename(control, `${control}.away`);
  await crashed;
  await expect(server.ready(700)).rejects.toMatchObject({ kind: 'unavailable' });
  await rename(`${control}.away`, control);
  await server.ready(10_000);
  expect(await ask(server.adminUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('stopping at any moment after a crash ends what is being started again', async () => {
  for (const delayMs of [0, 90, 120, 150, 200]) {
    const server = await start();
    await server.crash();
    await sleep(delayMs);
    await server.stop();
    await server.stop();
    await expect(ask(server.adminUrl, 'select 1')).rejects.toThrow('ECONNREFUSED');
    await expect(postmasterPid()).rejects.toThrow('ENOENT');
  }
});

test('a lock file whose process number now belongs to something else does not stop a start', async () => {
  await (await start()).stop();
  const lock = join(dataDir, 'cluster', 'postmaster.pid');
  await writeFile(lock, `${process.ppid}\n${join(dataDir, 'cluster')}\n`);
  if (isRoot)
    await chown(lock, (await stat(join(dataDir, 'cluster'))).uid, (await stat(join(dataDir, 'cluster'))).gid);
  expect(await ask((await start()).adminUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a first start that was interrupted is begun anew', async () => {
  await mkdir(join(dataDir, 'cluster.unfinished', 'base'), { recursive: true });
  await writeFile(join(dataDir, 'cluster.unfinished.password'), 'of the first start');
  expect(await ask((await start()).adminUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('data of another major version is refused by name', async () => {
  await (await start()).stop();
  await writeFile(join(dataDir, 'cluster', 'PG_VERSION'), '14\n');
  await expect(start()).rejects.toMatchObject({
    reason: 'POSTGRES_OTHER_VERSION',
    message: expect.stringContaining('made by Postgres 14; this is Postgres 18'),
  });
});

test('a port in use is refused by name', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const address = other.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  await expect(start({ port })).rejects.toMatchObject({ reason: 'POSTGRES_PORT_IN_USE' });
});

test('programs that are not there, and settings that it does not know, are refused with what was said', async () => {
  await expect(start({ binDir: dataDir })).rejects.toMatchObject({ reason: 'POSTGRES_NOT_INSTALLED' });
  await expect(start({ settings: { no_such_setting: '1' } })).rejects.toMatchObject({
    reason: 'POSTGRES_START_FAILED',
    message: expect.stringContaining('unrecognized configuration parameter "no_such_setting"'),
  });
});

// Root hands Postgres over to another user, with the right to read past permissions, as the programs may lie below a
// folder that only root can enter; the root of a container has fewer rights. An ordinary user (here `nobody`, with the
// right to read this folder) runs it as itself.
const users = isRoot
  ? (['root', 'root in a container', 'an ordinary user'] as const)
  : (['this user'] as const);
const READ_ALL = '-all,+dac_read_search';
const LIKE_A_CONTAINER =
  '-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+sys_chroot';
const commands: Readonly<Record<(typeof users)[number], readonly string[]>> = {
  root: [],
  'this user': [],
  'root in a container': ['setpriv', `--inh-caps=${LIKE_A_CONTAINER}`, `--bounding-set=${LIKE_A_CONTAINER}`],
  'an ordinary user': [
    'setpriv',
    `--reuid=${NOBODY}`,
    `--regid=${NOBODY}`,
    '--clear-groups',
    `--inh-caps=${READ_ALL}`,
    `--ambient-caps=${READ_ALL}`,
    `--bounding-set=${READ_ALL}`,
    '--securebits=+no_setuid_fixup',
  ],
};

const cases: readonly {
  readonly user: (typeof users)[number];
  readonly name: string;
  readonly binDir?: string;
}[] = [
  ...users.map((user) => ({ user, name: 'the embedded Postgres' })),
  ...(existsSync(DEBIAN_15) ? [{ user: users[0], name: "Debian's Postgres 15", binDir: DEBIAN_15 }] : []),
];

test.each(cases)(
  '$name, started by $user, ends cleanly when its parent is killed, and starts again',
  { timeout: 90_000 },
  async ({ user, binDir }) => {
    await chmod(join(dataDir, '..'), 0o700);
    await mkdir(dataDir, { mode: 0o700 });
    if (user === 'an ordinary user') {
      await chown(join(dataDir, '..'), NOBODY, NOBODY);
      await chown(dataDir, NOBODY, NOBODY);
    }
    const first = await startInProcess(user, binDir);
    await ask(first.adminUrl, 'create table kept as select 42 as answer');
    const pid = await postmasterPid();
    first.kill();
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
    // A clean stop removes the lock file; a crash would leave it.
    await expect(access(join(dataDir, 'cluster', 'postmaster.pid'))).rejects.toThrow('ENOENT');

    const second = await startInProcess(user, binDir);
    expect(await ask(second.adminUrl, 'select answer from kept')).toEqual([{ answer: 42 }]);
    second.kill();
    // At once, while the old server is still ending.
    const third = await startInProcess(user, binDir);
    expect(await ask(third.adminUrl, 'select answer from kept')).toEqual([{ answer: 42 }]);
    await third.stop();
  },
);

async function startInProcess(user: (typeof users)[number], binDir: string | undefined) {
  const script = fileURLToPath(new URL('parent.ts', import.meta.url));
  const [command = '', ...args] = [
    ...commands[user],
    process.execPath,
    script,
    dataDir,
    ...(binDir === undefined ? [] : [binDir]),
  ];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const [adminUrl] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited,
  ])) as [unknown];
  if (typeof adminUrl !== 'string')
    throw new Error(`The process ended with ${String(adminUrl)} before Postgres was ready.`);
  return {
    adminUrl,
    kill: () => void child.kill('SIGKILL'),
    stop: async () => {
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    },
  };
}
