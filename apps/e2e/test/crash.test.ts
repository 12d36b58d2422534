import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { crashCycle, describeFault, type Fault } from '../src/crash-cycle.ts';
import { startServiceProcesses, type ServiceProcesses } from '../src/service-processes.ts';

let folder: string;
let processes: ServiceProcesses;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-crash-'));
  processes = await startServiceProcesses(folder);
}, 120_000);
afterAll(async () => {
  await processes?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** The points at which most can go wrong; `npm run soak` has them all, many times. */
const faults: readonly Fault[] = [
  { kind: 'failpoint', name: 'ingestion', failpoint: 'append:copied' },
  { kind: 'failpoint', name: 'ingestion', failpoint: 'append:committed' },
  { kind: 'failpoint', name: 'metrics', failpoint: 'projection:written' },
  { kind: 'postgres' },
  { kind: 'kill', name: 'ingestion' },
];

test.each(faults.map((fault, index) => ({ name: describeFault(fault), fault, seed: 100 + index })))(
  'what was acknowledged is there exactly once, and every figure is right, after $name under load',
  async ({ fault, seed }) => {
    const report = await crashCycle(processes, { folder, seed, fault, conversations: 300 });
    expect(report.broken).toEqual([]);
    expect(report.events).toBeGreaterThan(1000);
    // Otherwise it did not happen under load.
    if (fault.kind === 'postgres' || fault.name === 'ingestion') expect(report.unanswered).toBeGreaterThan(0);
  },
  120_000,
);
