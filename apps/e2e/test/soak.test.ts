import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { soakClients, type ClientSoakReport } from '../src/client-soak.ts';
import { query } from '../src/query.ts';
import { startServiceProcesses, type ServiceProcesses } from '../src/service-processes.ts';
import { compareWithLog } from '../src/soak-verdict.ts';

let folder: string;
let processes: ServiceProcesses;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-soak-'));
  processes = await startServiceProcesses(folder);
}, 120_000);
afterAll(async () => {
  await processes?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

let report: ClientSoakReport;

test('what clients took is stored exactly once or told as dropped, and every figure is right, whatever is killed meanwhile', async () => {
  report = await soakClients(processes, {
    folder,
    seed: 13,
    events: 24_000,
    clients: 4,
    eventsPerSecond: 2000,
    killEveryMs: 1000,
    outageMs: 5000,
  });
  expect(report.broken).toEqual([]);
  expect(report).toMatchObject({ reported: 24_000, lost: 0, twice: 0 });
  expect(report.stored + report.dropped + report.unwritten).toBe(24_000);
  // Otherwise it was no soak.
  const some = expect.toSatisfy((count: number) => count > 0, 'more than none') as number;
  expect(report).toMatchObject({ killed: some, recovered: some, dropped: some, repeated: some });
  expect(report.mostQueued).toBeGreaterThan(1000);
}, 300_000);

test('an event that is lost and one that is there twice are found', async () => {
  await query(
    processes.databaseUrl,
    `with two as (
       select partition, min(log_offset) as kept, max(log_offset) as overwritten from (
         select e.partition, e.log_offset from ingestion.events e
           join ingestion.tenants t using (partition, tenant_id)
          where t.name = 'soak-0' order by e.log_offset limit 2) as first
        group by partition)
     update ingestion.events e set body = k.body from two, ingestion.events k
      where k.partition = two.partition and k.log_offset = two.kept
        and e.partition = two.partition and e.log_offset = two.overwritten`,
  );
  const { reckoning, broken } = await compareWithLog(processes.databaseUrl, report.plan);
  expect(reckoning).toMatchObject({ lost: 1, twice: 1 });
  expect(broken).toEqual([
    expect.stringMatching(/is (lost|stored 2 times)$/),
    expect.stringMatching(/is (lost|stored 2 times)$/),
  ]);
}, 60_000);
