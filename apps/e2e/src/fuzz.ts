// `npm run fuzz -w @parley/e2e -- --messages 1000000 --seed 1`: ends with 1 when an answer was not as it must be,
// or when what the server holds grows from round to round.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { admittedHeaders, createTenant } from './credentials.ts';
import { fuzz } from './fuzz-run.ts';
import { readHeldMemory, reportsMemory, type HeldMemory } from './held-memory.ts';
import { servedMethods } from './served-methods.ts';
import { startStandalone } from './standalone-process.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    // Such as parley.ingestion.v1; every package unless told.
    only: { type: 'string', default: '' },
  },
});
/** What caches and the compiled code of rare paths may add to the heap in a round after the first, in MiB. */
const growthMiB = 4;
const rounds = Number(values.rounds);

const parley = await startStandalone({ args: ['--no-demo'], nodeArgs: reportsMemory });
try {
  const tenant = await createTenant(parley, 'fuzz');
  const held: HeldMemory[] = [await readHeldMemory(parley.child)];
  let faults = 0;
  for (let round = 0; round < rounds; round += 1) {
    const report = await fuzz({
      url: parley.url,
      pid: parley.child.pid,
      methods: servedMethods.filter(({ path }) => path.startsWith(`/${values.only}`)),
      headersOf: (method) => admittedHeaders(method, parley, tenant),
      seed: Number(values.seed) + round,
      messages: Math.ceil(Number(values.messages) / rounds),
      onProgress: (sent) => {
        if (sent % 5000 === 0) process.stderr.write(`round ${round + 1}: ${sent} messages\n`);
      },
    });
    faults += report.faults.length;
    held.push(await readHeldMemory(parley.child));
    console.log(JSON.stringify({ round: round + 1, ...report, heldMiB: held.at(-1) }, null, 2));
  }
  const verified = await parley.cli(['verify', '--json']);
  // The first round warms up; each later one must end about where the one before ended.
  const hasGrown = held
    .slice(2)
    .every(({ heapUsed }, i) => heapUsed > (held[i + 1]?.heapUsed ?? 0) + growthMiB);
  const isGrowing = rounds > 1 && hasGrown;
  console.log(JSON.stringify({ seed: values.seed, heldMiB: held, isGrowing, verified: verified.code === 0 }));
  if (faults > 0 || isGrowing || verified.code !== 0) process.exitCode = 1;
} finally {
  await parley.stop();
}
