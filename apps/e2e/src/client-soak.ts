import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTenant } from './credentials.ts';
import { createRandom } from './seeded-random.ts';
import type { ServiceProcesses } from './service-processes.ts';
import { planBots, SoakBots, tenantOf, type SoakBot, type SoakBotsReport } from './soak-bots.ts';
import { judgeSoak, type Reckoning } from './soak-verdict.ts';

export interface ClientSoakOptions {
  /** Where ledgers and spilled events are kept. */
  readonly folder: string;
  readonly seed: number;
  /** Of all bots. */
  readonly events: number;
  readonly clients: number;
  /** The pace of all bots together. */
  readonly eventsPerSecond: number;
  /** From one kill of a bot to the next, in ms, about. */
  readonly killEveryMs: number;
  /** How long the second stop of Postgres lasts, in ms. */
  readonly outageMs: number;
  readonly onProgress?: (line: string) => void;
}

export interface ClientSoakReport extends SoakBotsReport, Reckoning {
  readonly plan: readonly SoakBot[];
  readonly stopsOfPostgres: number;
  readonly killsOfServices: number;
  /** Until the last event was delivered; until projections had caught up; for verification. */
  readonly seconds: { readonly load: number; readonly catchUp: number; readonly verify: number };
  /** What does not hold, in words; empty when all is well. */
  readonly broken: readonly string[];
}

const patienceMs = 180_000;
const pollMs = 100;
/** A bot is a small process: Node with its libraries, a queue of a thousand events, a segment that is read back. */
const mostRssMiB = 384;

/**
 * Bots report by the SDK while they are killed at random, Postgres is stopped twice and services are killed. When all is
 * delivered, what the bots wrote down, the log, the projections and the KPIs are compared.
 */
export async function soakClients(
  processes: ServiceProcesses,
  options: ClientSoakOptions,
): Promise<ClientSoakReport> {
  const { folder, clients, events, eventsPerSecond, onProgress = () => undefined } = options;
  const url = processes.urlOf('ingestion');
  const keys = new Map<string, string>();
  for (let bot = 0; bot < clients; bot += 1) {
    const tenant = tenantOf(bot);
    if (keys.has(tenant)) continue;
    const made = await createTenant({ url, operatorKey: processes.operatorKey }, tenant);
    keys.set(tenant, made.keys.ingest);
  }
  const plan = planBots({ folder, url, clients, events, keys });
  const bots = new SoakBots(plan, eventsPerSecond / clients);
  const from = performance.now();
  await bots.start();
  const going = [
    watch(bots, events, onProgress),
    killBots(bots, options),
    breakServices(processes, bots, options),
  ];
  try {
    await Promise.all(going);
    await bots.drain(patienceMs);
  } finally {
    await bots.stop();
    // Each ends when the bots have; what they say is said.
    await Promise.allSettled(going);
  }
  const load = Math.round((performance.now() - from) / 1000);
  const verdict = await judgeSoak(processes, plan, onProgress);
  const report = bots.report();
  const broken = [...report.faults, ...verdict.broken];
  for (const folder of new Set(plan.map(({ spillFolder }) => spillFolder))) {
    const left = await segmentsIn(folder);
    if (left.length > 0) broken.push(`There is left on disk: ${left.slice(0, 3).join(', ')}`);
  }
  if (report.mostRssMiB > mostRssMiB) broken.push(`a bot took ${report.mostRssMiB} MiB`);
  return {
    ...report,
    ...verdict,
    plan,
    stopsOfPostgres: 2,
    killsOfServices: 2,
    seconds: { load, ...verdict.seconds },
    broken,
  };
}

/** Until all bots are done. Throws when nothing goes on any more. */
async function watch(bots: SoakBots, events: number, onProgress: (line: string) => void): Promise<void> {
  let movedAt = performance.now();
  let said = 0;
  let last = '';
  while (!bots.isOver) {
    const { reported, queued, dropped } = bots;
    const now = performance.now();
    const line = `${reported} of ${events} reported, ${queued} queued, ${dropped} dropped`;
    if (line !== last) [last, movedAt] = [line, now];
    if (now - movedAt > patienceMs) throw new Error(`Nothing goes on: ${line}`);
    if (now - said > 5000) {
      said = now;
      onProgress(line);
    }
    await sleep(pollMs);
  }
}

async function killBots(bots: SoakBots, { seed, events, killEveryMs }: ClientSoakOptions): Promise<void> {
  const random = createRandom(seed);
  // The last events are to be reported by bots that are let live, or it would never end.
  while (!bots.isOver && bots.reported < events * 0.99) {
    await sleep(killEveryMs * (0.5 + random()));
    await bots.killOne(random);
  }
}

/** Each once so much of the traffic is reported. */
async function breakServices(
  processes: ServiceProcesses,
  bots: SoakBots,
  { events, outageMs, onProgress }: ClientSoakOptions,
): Promise<void> {
  const after = async (share: number, what: string): Promise<void> => {
    while (!bots.isOver && bots.reported < events * share) await sleep(pollMs);
    onProgress?.(what);
  };
  const restart = async (name: 'ingestion' | 'metrics'): Promise<void> => {
    await processes.kill(name);
    processes.start(name);
    await processes.ready(name);
  };
  await after(0.15, 'immediate stop of Postgres');
  await processes.crashPostgres();
  await after(0.35, 'kill -9 ingestion');
  await restart('ingestion');
  await after(0.5, `Postgres stopped for ${outageMs} ms`);
  await processes.stopPostgres();
  await sleep(outageMs);
  await processes.startPostgres();
  await after(0.8, 'kill -9 metrics');
  await restart('metrics');
}

async function segmentsIn(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.segment'));
}
