import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { crashCycle, describeFault, type Fault } from '../src/crash-cycle.ts';
import { brokenInvariants, brokenLedger, brokenLog, type Expectation } from '../src/invariants.ts';
import { openLedger } from '../src/ledger.ts';
import { query } from '../src/query.ts';
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

let last: Expectation | undefined;

/** The points at which most can go wrong; `npm run soak` has them all, many times. */
const faults: readonly Fault[] = [
  { kind: 'failpoint', name: 'ingestion', failpoint: 'append:copied' },
  { kind: 'failpoint', name: 'ingestion', failpoint: 'append:committed' },
  { kind: 'failpoint', name: 'metrics', failpoint: 'projection:written' },
  { kind: 'postgres' },
];

test.each(faults.map((fault, index) => ({ name: describeFault(fault), fault, seed: 100 + index })))(
  'what was acknowledged is there exactly once, and every figure is right, after $name under load',
  async ({ fault, seed }) => {
    const report = await crashCycle(processes, { folder, seed, fault, conversations: 300 });
    last = report.expectation;
    expect(report.broken).toEqual([]);
    expect(report.events).toBeGreaterThan(1000);
    // Otherwise it did not happen under load.
    if (fault.kind === 'postgres' || fault.name === 'ingestion') expect(report.unanswered).toBeGreaterThan(0);
  },
  120_000,
);

test('what breaks an invariant is found', async () => {
  if (!last) throw new Error('There was no cycle.');
  const { databaseUrl } = processes;
  openLedger(last.ledgerFile).answered('interaction never-stored', 'accepted', 0);
  await query(databaseUrl, 'update metrics.kpi_rollups set interaction_count = interaction_count + 1');
  const broken = await brokenInvariants(processes, last);
  expect([...new Set(broken.map((line) => line.slice(0, 2)))]).toEqual(['I1', 'I4', 'I5']);

  await query(
    databaseUrl,
    `delete from ingestion.events e using ingestion.tenants t
      where t.name = $1 and e.tenant_id = t.tenant_id
        and e.log_offset = (select max(log_offset) from ingestion.events where tenant_id = t.tenant_id)`,
    [last.tenant],
  );
  expect(await brokenLedger(processes, last)).toHaveLength(2);
  expect(await brokenLog(processes)).toEqual([expect.stringMatching(/^I3/)]);
}, 120_000);
