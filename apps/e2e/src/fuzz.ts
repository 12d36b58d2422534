// `npm run fuzz -w @parley/e2e -- --messages 1000000 --seed 1`: ends with 1 when an answer was not as it must be.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { admittedHeaders, createTenant } from './credentials.ts';
import { fuzz } from './fuzz-run.ts';
import { servedMethods } from './served-methods.ts';
import { startStandalone } from './standalone-process.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const parley = await startStandalone();
try {
  const tenant = await createTenant(parley, 'fuzz');
  const report = await fuzz({
    url: parley.url,
    pid: parley.child.pid,
    methods: servedMethods,
    headersOf: (method) => admittedHeaders(method, parley, tenant),
    seed: Number(values.seed),
    messages: Number(values.messages),
    onProgress: (sent) => {
      if (sent % 5000 === 0) process.stderr.write(`${sent} messages\n`);
    },
  });
  const verified = await parley.cli(['verify', '--json']);
  console.log(JSON.stringify({ seed: values.seed, ...report, verified: verified.code === 0 }, null, 2));
  if (report.faults.length > 0 || verified.code !== 0) process.exitCode = 1;
} finally {
  await parley.stop();
}
