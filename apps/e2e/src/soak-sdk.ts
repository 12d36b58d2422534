// `npm run soak:sdk -w @parley/e2e -- --events 2000000 --clients 8 --seed 1`: ends with 1 when something does not hold.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { soakClients } from './client-soak.ts';
import { startServiceProcesses } from './service-processes.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '2000000' },
    clients: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    rate: { type: 'string', default: '3000' },
    'kill-every-ms': { type: 'string', default: '2500' },
    'outage-ms': { type: 'string', default: '30000' },
  },
});
const seed = Number(values.seed);
const folder = await mkdtemp(join(tmpdir(), 'parley-soak-sdk-'));
console.log(`seed ${seed}, in ${folder}`);
const startedAt = performance.now();
const processes = await startServiceProcesses(folder);
let isWhole = false;
try {
  const {
    broken,
    plan: _,
    faults: _faults,
    ...report
  } = await soakClients(processes, {
    folder,
    seed,
    events: Number(values.events),
    clients: Number(values.clients),
    eventsPerSecond: Number(values.rate),
    killEveryMs: Number(values['kill-every-ms']),
    outageMs: Number(values['outage-ms']),
    onProgress: (line) =>
      process.stderr.write(`${Math.round((performance.now() - startedAt) / 1000)} s: ${line}\n`),
  });
  isWhole = broken.length === 0;
  console.log(JSON.stringify({ seed, ...report, broken: broken.length }, null, 2));
  for (const line of broken.slice(0, 40)) console.log(`  ${line}`);
} finally {
  await processes.stop();
  // What broke is left to be looked at.
  if (isWhole) await rm(folder, { recursive: true, force: true });
  else process.exitCode = 1;
}
