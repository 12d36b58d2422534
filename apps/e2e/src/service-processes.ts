import { join } from 'node:path';
import { startPostgres, type PostgresServer } from '@parley/postgres';
import { createLogger } from '@parley/runtime';
import { run, startChild, type Child } from './child-process.ts';
import { freePort } from './free-port.ts';
import { eventually } from './within.ts';

export const processNames = ['ingestion', 'metrics'] as const;
export type ProcessName = (typeof processNames)[number];

/** Ingestion and metrics as processes of their own on a Postgres that keeps its promises, each to be killed at will. */
export interface ServiceProcesses {
  readonly databaseUrl: string;
  readonly operatorKey: string;
  urlOf(name: ProcessName): string;
  /** Starts one that is not running; with a failpoint it will kill itself there. Does not wait until it serves. */
  start(name: ProcessName, failpoint?: string): void;
  /** Waits until one serves. */
  ready(name: ProcessName): Promise<void>;
  /** SIGKILL; returns when it is gone. */
  kill(name: ProcessName): Promise<void>;
  /** Waits until one has killed itself at its failpoint. */
  diedAtFailpoint(name: ProcessName): Promise<void>;
  /** Stops Postgres at once, as when its machine loses power; it is started again. Returns when it serves. */
  crashPostgres(): Promise<void>;
  /** Stops Postgres as for maintenance; it stays away until it is started. */
  stopPostgres(): Promise<void>;
  /** Starts it again where it was. */
  startPostgres(): Promise<void>;
  stop(): Promise<void>;
}

const readyMs = 60_000;
const failpointMs = 60_000;
const secretOf = (name: string) => `${name} secret, for this test alone`;
const operatorKey = 'operator key of this test, with more than 32 characters'.replaceAll(' ', '-');

/** `folder` holds the data; whoever gives it removes it. `ingestionEnv`: what else ingestion is told. */
export async function startServiceProcesses(
  folder: string,
  ingestionEnv: Readonly<Record<string, string>> = {},
): Promise<ServiceProcesses> {
  const openPostgres = (port?: number): Promise<PostgresServer> =>
    startPostgres({
      dataDir: join(folder, 'postgres'),
      logger: createLogger({ service: 'postgres', level: 'fatal' }),
      ...(port !== undefined && { port }),
    });
  let postgres = await openPostgres();
  const ports = { ingestion: await freePort(), metrics: await freePort() };
  const children = new Map<ProcessName, Child>();
  const urlOf = (name: ProcessName): string => `http://127.0.0.1:${ports[name]}`;

  const migrate = async (name: ProcessName): Promise<void> => {
    const { code, stderr } = await run({
      name: `migrate ${name}`,
      command: ['node', `apps/${name}/src/main.ts`, 'migrate'],
      env: {
        PARLEY_ADMIN_DATABASE_URL: postgres.adminUrl,
        PARLEY_DATABASE_SECRET: secretOf(name),
        PARLEY_LOG_LEVEL: 'warn',
      },
    });
    if (code !== 0) throw new Error(`The migration of ${name} ended with ${code}: ${stderr}`);
  };

  const start = (name: ProcessName, failpoint?: string): void => {
    if (children.get(name)?.hasExited() === false) throw new Error(`${name} is running already.`);
    children.set(
      name,
      startChild({
        name,
        command: ['node', `apps/${name}/src/main.ts`],
        env: {
          PARLEY_PORT: String(ports[name]),
          PARLEY_LOG_LEVEL: 'warn',
          PARLEY_DATABASE_URL: postgres.adminUrl,
          PARLEY_DATABASE_SECRET: secretOf(name),
          PARLEY_SERVICE_SECRET: secretOf('service'),
          ...(name === 'ingestion'
            ? { PARLEY_OPERATOR_KEY: operatorKey, PARLEY_ERASURE_SERVICES: 'metrics', ...ingestionEnv }
            : { PARLEY_INGESTION_URL: urlOf('ingestion') }),
          ...(failpoint !== undefined && { PARLEY_FAILPOINT: failpoint }),
        },
      }),
    );
  };
  const running = (name: ProcessName): Child => {
    const child = children.get(name);
    if (!child) throw new Error(`${name} was never started.`);
    return child;
  };
  const stop = async (): Promise<void> => {
    await Promise.all([...children.values()].map((child) => child.stop(15_000)));
    await postgres.stop();
  };

  const processes: ServiceProcesses = {
    databaseUrl: postgres.adminUrl,
    operatorKey,
    urlOf,
    start,
    async ready(name) {
      await eventually(readyMs, `the readiness of ${name}`, async () => {
        const child = running(name);
        if (child.hasExited())
          throw new Error(`${name} has ended by itself:\n${child.stderr().slice(-4000)}`);
        return fetch(`${urlOf(name)}/readyz`, { signal: AbortSignal.timeout(2000) }).then(
          ({ ok }) => (ok ? true : undefined),
          () => undefined,
        );
      });
    },
    async kill(name) {
      running(name).signal('SIGKILL');
      await running(name).exited;
    },
    async diedAtFailpoint(name) {
      const child = running(name);
      const exit = await eventually(failpointMs, `the failpoint of ${name}`, async () =>
        child.hasExited() ? child.exited : undefined,
      );
      if (exit.signal !== 'SIGKILL') {
        throw new Error(
          `${name} ended with ${exit.code ?? exit.signal} before its failpoint:\n${child.stderr()}`,
        );
      }
    },
    async crashPostgres() {
      await postgres.crash();
      await postgres.ready(readyMs);
    },
    stopPostgres: () => postgres.stop(),
    async startPostgres() {
      postgres = await openPostgres(postgres.port);
    },
    stop,
  };
  try {
    for (const name of processNames) await migrate(name);
    for (const name of processNames) start(name);
    for (const name of processNames) await processes.ready(name);
    return processes;
  } catch (error) {
    await stop();
    throw error;
  }
}
