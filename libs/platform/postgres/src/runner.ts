import { readFile, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { getuid } from 'node:process';

/** How Postgres programs are run: under which user, and how they learn that this process has died. */
export interface Runner {
  /** The user that must own the data; undefined when it is the one of this process. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  /** The command line that runs `program`. */
  command(program: string, args: readonly string[]): readonly [string, ...string[]];
}

/** Postgres gets none of our environment: it may hold secrets, and PG… names would change what it does. */
export const PROGRAM_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C' };

/**
 * Chooses how to run programs on the data in `cluster` (which need not exist yet).
 *
 * Postgres refuses to run as root, so root hands over to the owner of the data, else to the user `postgres`,
 * else `nobody`. That user keeps one capability, to read past permissions, since the programs or the data may
 * lie below a folder that only root can enter (a clone under mode 700).
 *
 * On Linux the kernel interrupts Postgres when the thread that started it ends (a clean, fast stop), so that a
 * killed parent leaves nothing behind. It watches the thread: never start Postgres from a worker thread.
 */
export async function chooseRunner(cluster: string): Promise<Runner> {
  if (platform() !== 'linux') return { user: undefined, command: (program, args) => [program, ...args] };
  const user = getuid?.() === 0 ? await serverUser(cluster) : undefined;
  const privileges = user === undefined ? [] : await handOverTo(user);
  return {
    user,
    command: (program, args) => ['setpriv', ...privileges, '--pdeathsig=INT', program, ...args],
  };
}

async function handOverTo({ uid, gid }: { uid: number; gid: number }): Promise<readonly string[]> {
  const kept = await readingCapability();
  const capabilities = kept === undefined ? '-all' : `-all,+${kept}`;
  return [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    `--inh-caps=${capabilities}`,
    `--ambient-caps=${capabilities}`,
    `--bounding-set=${capabilities}`,
    // Else the change of user would clear what is to be kept.
    '--securebits=+no_setuid_fixup',
  ];
}

/** The least capability of ours that reads past permissions. Containers give their root the second one only. */
async function readingCapability(): Promise<string | undefined> {
  const status = await readFile('/proc/self/status', 'utf8');
  const setOf = (name: string): bigint =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)`, 'm').exec(status)?.[1] ?? 0}`);
  const available = setOf('CapEff') & setOf('CapBnd');
  // Bits as in capabilities(7).
  if ((available & 0b100n) !== 0n) return 'dac_read_search';
  if ((available & 0b010n) !== 0n) return 'dac_override';
  return undefined;
}

async function serverUser(cluster: string): Promise<{ uid: number; gid: number }> {
  const owner = await stat(cluster).catch(ignoreMissing);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const accounts = (await readFile('/etc/passwd', 'utf8').catch(ignoreMissing)) ?? '';
  for (const name of ['postgres', 'nobody']) {
    const [, uid, gid] = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(accounts) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return { uid: 65_534, gid: 65_534 };
}

/** For `.catch`: a missing file is undefined, anything else is thrown. */
export function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
