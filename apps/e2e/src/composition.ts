import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger } from '@parley/runtime';
import { startPostgres, type PostgresServer } from '@parley/postgres';
import { run, startChild, type Child, type Exit } from './child-process.ts';
import { inOrder, type ComposeFile, type ComposeService } from './compose-file.ts';
import { freePort } from './free-port.ts';
import { query } from './query.ts';
import { eventually, within } from './within.ts';

/** The services of a compose file, each running as a process instead of a container. */
export interface Composition {
  /** What happened, in order: `metrics started`, `metrics is healthy`, `migrate-metrics ended`. */
  readonly events: readonly string[];
  /** Where a service answers, with http. */
  urlOf(service: string): string;
  /** The database, as its superuser. */
  readonly databaseUrl: string;
  /** Stops all, in reverse, as `docker compose down` does; how each service ended. */
  stop(): Promise<ReadonlyMap<string, Exit>>;
}

const secretsFolder = '/run/secrets/';
const containerPort = '8080';
const healthyMs = 60_000;
const migratedMs = 60_000;

/**
 * Runs every service with exactly the command, environment, secrets, order and health check that the file states. Hosts
 * become 127.0.0.1 and ports free ones; Postgres is the embedded one, with the settings and the password that its image
 * would get. Throws when a service names a host that it shares no network with, or a secret that it was not given.
 */
export async function startComposition(file: ComposeFile, folder: string): Promise<Composition> {
  const names = inOrder(file);
  const ports = new Map<string, number>();
  for (const name of names) if (name !== 'postgres') ports.set(name, await freePort());
  const events: string[] = [];
  const children = new Map<string, Child>();
  let postgres: PostgresServer | undefined;
  let databaseUrl = '';

  const stop = async (): Promise<Map<string, Exit>> => {
    const exits = new Map<string, Exit>();
    for (const [name, child] of [...children].reverse()) {
      exits.set(name, await child.stop(secondsOf(file.services[name]) * 1000));
    }
    await postgres?.stop();
    return exits;
  };

  /** `host:port` of another service, as seen by this one. */
  const addressOf = (service: ComposeService, host: string): string => {
    const other = file.services[host];
    if (!other || !other.networks.some((network) => service.networks.includes(network))) {
      throw new Error(`${host} can't be reached from a service on ${service.networks.join(', ')}.`);
    }
    return `127.0.0.1:${host === 'postgres' ? postgres?.port : ports.get(host)}`;
  };
  const relocate = (service: ComposeService, text: string): string =>
    text.replace(/(?<=:\/\/|@)([a-z]+):\d+(?=\/|$)/g, (_match, host: string) => addressOf(service, host));

  const environmentOf = async (name: string, service: ComposeService): Promise<Record<string, string>> => {
    const environment: Record<string, string> = {};
    for (const [key, value] of Object.entries(service.environment)) {
      if (key === 'PARLEY_HOST') environment[key] = '127.0.0.1';
      else if (key === 'PARLEY_PORT') environment[key] = String(ports.get(name));
      else if (value.startsWith(secretsFolder)) {
        const secret = await readSecret(file, service, value);
        environment[key] = join(folder, `${name}-${key}`);
        await writeFile(environment[key], relocate(service, secret), { mode: 0o600 });
      } else environment[key] = relocate(service, value);
    }
    return environment;
  };

  const startDatabase = async (service: ComposeService): Promise<void> => {
    const settings = service.command.filter((word) => word.includes('=')).map((word) => word.split('=', 2));
    postgres = await startPostgres({
      dataDir: join(folder, 'postgres'),
      settings: Object.fromEntries(settings),
      logger: createLogger({ service: 'postgres', level: 'error' }),
    });
    const { POSTGRES_USER: user = 'postgres', POSTGRES_DB: database = user } = service.environment;
    const password = await readSecret(file, service, service.environment['POSTGRES_PASSWORD_FILE'] ?? '');
    await query(postgres.adminUrl, `create role ${user} superuser login password '${password}'`);
    await query(postgres.adminUrl, `create database ${database}`);
    databaseUrl = `postgresql://${user}:${password}@127.0.0.1:${postgres.port}/${database}`;
    events.push('postgres is healthy');
  };

  const start = async (name: string, service: ComposeService): Promise<void> => {
    const environment = await environmentOf(name, service);
    const child = startChild({ name, command: service.command, env: environment });
    children.set(name, child);
    events.push(`${name} started`);
    const waitedFor = Object.values(file.services).flatMap(({ depends_on: others }) => others?.[name] ?? []);
    if (waitedFor.some(({ condition }) => condition === 'service_completed_successfully')) {
      const { code } = await within(migratedMs, `the end of ${name}`, child.exited);
      if (code !== 0) throw new Error(`${name} ended with ${code}:\n${child.stderr()}`);
      events.push(`${name} ended`);
    }
    const [how, ...test] = service.healthcheck?.test ?? [];
    if (how === 'CMD' && isCommand(test)) {
      await eventually(healthyMs, `the health of ${name}`, async () => {
        if (child.hasExited()) throw new Error(`${name} has ended:\n${child.stderr()}`);
        const { code } = await run({ name: `health of ${name}`, command: test, env: environment });
        return code === 0 ? true : undefined;
      });
      events.push(`${name} is healthy`);
    }
  };

  try {
    await mkdir(folder, { recursive: true });
    for (const name of names) {
      const service = file.services[name];
      if (!service) continue;
      await (name === 'postgres' ? startDatabase(service) : start(name, service));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    events,
    databaseUrl,
    urlOf: (name) => {
      const published = file.services[name]?.ports?.some((port) => port.endsWith(`:${containerPort}`));
      if (!published) throw new Error(`${name} is not published.`);
      return `http://127.0.0.1:${ports.get(name)}`;
    },
    stop,
  };
}

async function readSecret(file: ComposeFile, service: ComposeService, path: string): Promise<string> {
  const name = path.slice(secretsFolder.length);
  const secret = file.secrets[name];
  if (!secret || !service.secrets?.includes(name)) throw new Error(`The secret ${name} is not given to it.`);
  return (await readFile(secret.file, 'utf8')).trimEnd();
}

/** How long Compose waits before it kills, in seconds. */
export function secondsOf(service: ComposeService | undefined): number {
  return Number(/^(\d+)s$/.exec(service?.stop_grace_period ?? '10s')?.[1]);
}

function isCommand(words: readonly string[]): words is [string, ...string[]] {
  return words.length > 0;
}
