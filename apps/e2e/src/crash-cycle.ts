import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { demoTruth, generateHistory } from '@parley/demo';
import { parseLine } from '@parley/import';
import { createTransportTo } from '@parley/rpc';
import { brokenInvariants, type Expectation } from './invariants.ts';
import { openLedger } from './ledger.ts';
import { load, type LoadReport } from './load.ts';
import { createRandom, integerIn, shuffle } from './seeded-random.ts';
import type { ProcessName, ServiceProcesses } from './service-processes.ts';

/** What is done to the system while it is under load. */
export type Fault =
  | { readonly kind: 'kill'; readonly name: ProcessName }
  | { readonly kind: 'failpoint'; readonly name: ProcessName; readonly failpoint: string }
  | { readonly kind: 'postgres' };

/** At random points, and at every step at which a process can be made to kill itself. */
export const faults: readonly Fault[] = [
  { kind: 'kill', name: 'ingestion' },
  { kind: 'kill', name: 'metrics' },
  { kind: 'postgres' },
  ...['append:locked', 'append:copied', 'append:committed', 'append:before-answer'].map(
    (failpoint): Fault => ({ kind: 'failpoint', name: 'ingestion', failpoint }),
  ),
  ...['projection:read', 'projection:folded', 'projection:written'].map((failpoint): Fault => ({
    kind: 'failpoint',
    name: 'metrics',
    failpoint,
  })),
];

/** The faults of so many cycles: each kind once before any comes again, in an order that the seed determines. */
export function faultPlan(seed: number, cycles: number): Fault[] {
  const random = createRandom(seed);
  const plan: Fault[] = [];
  while (plan.length < cycles) plan.push(...shuffle(random, faults));
  return plan.slice(0, cycles);
}

export interface CycleReport extends LoadReport {
  readonly fault: string;
  readonly events: number;
  /** From the fault until what was down serves again, in ms. */
  readonly downMs: number;
  readonly expectation: Expectation;
  /** What of it does not hold. */
  readonly broken: readonly string[];
}

export interface CycleOptions {
  /** Where ledgers are kept. */
  readonly folder: string;
  readonly seed: number;
  readonly fault: Fault;
  readonly conversations: number;
}

/** Sends a day's traffic of a new tenant, breaks something meanwhile, lets it heal and compares everything. */
export async function crashCycle(processes: ServiceProcesses, options: CycleOptions): Promise<CycleReport> {
  const { folder, seed, fault, conversations } = options;
  const random = createRandom(seed);
  const tenant = `cycle-${seed}`;
  const start = new Date('2026-03-08T00:00:00Z');
  const end = new Date('2026-03-09T00:00:00Z');
  const lines = [
    ...generateHistory({ seed, tenant, from: start, to: end, conversationsPerDay: conversations }),
  ];
  const events = shuffle(random, lines).map(
    (line) => parseLine(JSON.stringify(line), { defaultCurrency: 'USD' }).event,
  );
  await createTenant(processes, tenant);

  const ledgerFile = join(folder, `${tenant}.jsonl`);
  const ledger = openLedger(ledgerFile);
  const { operatorKey, urlOf } = processes;
  const loading = load({ url: urlOf('ingestion'), operatorKey, tenant, events, ledger, seed });
  await new Promise((resolve) => setTimeout(resolve, integerIn(random, 50, 800)));
  const from = performance.now();
  const breaking = cause(processes, fault, random);
  const [report] = await Promise.all([loading, breaking]);
  const downMs = Math.round((await breaking) - from);

  const { positions } = report;
  const figures = demoTruth(lines, { start, end });
  const expectation = { tenant, ledgerFile, figures, start, end, positions };
  const broken = await brokenInvariants(processes, expectation);
  return { ...report, fault: describeFault(fault), events: events.length, downMs, expectation, broken };
}

/** Breaks it and lets it come up again; when it serves again. */
async function cause(processes: ServiceProcesses, fault: Fault, random: () => number): Promise<number> {
  switch (fault.kind) {
    case 'kill':
      await processes.kill(fault.name);
      await new Promise((resolve) => setTimeout(resolve, random() * 300));
      processes.start(fault.name);
      await processes.ready(fault.name);
      break;
    case 'failpoint':
      await processes.kill(fault.name);
      processes.start(fault.name, fault.failpoint);
      await processes.diedAtFailpoint(fault.name);
      processes.start(fault.name);
      await processes.ready(fault.name);
      break;
    case 'postgres':
      await processes.crashPostgres();
      for (const name of ['ingestion', 'metrics'] as const) await processes.ready(name);
      break;
  }
  return performance.now();
}

export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
      return `kill -9 ${fault.name}`;
    case 'failpoint':
      return `${fault.name} at ${fault.failpoint}`;
    case 'postgres':
      return 'immediate stop of Postgres';
  }
}

async function createTenant({ urlOf, operatorKey }: ServiceProcesses, name: string): Promise<void> {
  const transport = createTransportTo({ baseUrl: urlOf('ingestion'), credential: operatorKey });
  try {
    await createClient(TenantService, transport).createTenant({ name });
  } finally {
    transport.close();
  }
}
