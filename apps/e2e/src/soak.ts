// `npm run soak -w @parley/e2e -- --cycles 30 --seed 1`: ends with 1 when an invariant did not hold.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { crashCycle, faultPlan, type CycleReport } from './crash-cycle.ts';
import { startServiceProcesses } from './service-processes.ts';

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    conversations: { type: 'string', default: '600' },
  },
});
const seed = Number(values.seed);
const folder = await mkdtemp(join(tmpdir(), 'parley-soak-'));
console.log(`seed ${seed}, in ${folder}`);
const startedAt = performance.now();
const processes = await startServiceProcesses(folder);
const reports: CycleReport[] = [];
let isWhole = true;
try {
  for (const [index, fault] of faultPlan(seed, Number(values.cycles)).entries()) {
    const report = await crashCycle(processes, {
      folder,
      seed: seed + index,
      fault,
      conversations: Number(values.conversations),
    });
    reports.push(report);
    const { broken, events, unanswered, downMs, longestSilenceMs } = report;
    console.log(
      `${index + 1}: ${report.fault}: ${events} events, ${unanswered} calls repeated, ` +
        `serving again after ${downMs} ms, longest silence ${longestSilenceMs} ms, ${broken.length} broken`,
    );
    for (const line of broken.slice(0, 20)) console.log(`  ${line}`);
    isWhole &&= broken.length === 0;
  }
  const sum = (of: (report: CycleReport) => number) =>
    reports.reduce((total, report) => total + of(report), 0);
  const brokenBy = (invariant: string) =>
    sum(({ broken }) => broken.filter((line) => line.startsWith(invariant)).length);
  console.log(
    JSON.stringify(
      {
        seed,
        cycles: reports.length,
        events: sum(({ events }) => events),
        calls_repeated: sum(({ unanswered }) => unanswered),
        lost: brokenBy('I1'),
        twice: brokenBy('I2'),
        gaps: brokenBy('I3'),
        wrong_figures: brokenBy('I4'),
        differing_projections: brokenBy('I5'),
        checkpoints_ahead: brokenBy('I6'),
        never_answered: brokenBy('I9'),
        longest_silence_ms: Math.max(...reports.map(({ longestSilenceMs }) => longestSilenceMs)),
        seconds: Math.round((performance.now() - startedAt) / 1000),
      },
      null,
      2,
    ),
  );
} finally {
  await processes.stop();
  // What broke is left to be looked at.
  if (isWhole) await rm(folder, { recursive: true, force: true });
  else process.exitCode = 1;
}
