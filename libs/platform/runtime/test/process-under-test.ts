// A main.ts as services have it, for run-until-signal.test.ts.
import { createLogger, runUntilSignal, sleep } from '../src/index.ts';

const [behaviour] = process.argv.slice(2);
const logger = createLogger({ service: 'process-under-test', level: 'info' });

await runUntilSignal({
  logger,
  closeWithinMs: behaviour === 'stuck' ? 60_000 : 2000,
  async start(closers, signal) {
    const alive = setInterval(() => undefined, 1000);
    closers.push('alive', async () => {
      clearInterval(alive);
      if (behaviour === 'stuck') await sleep(60_000);
      if (behaviour === 'slow-close') await sleep(300);
      process.stdout.write('closed\n');
    });
    if (behaviour === 'fails') throw new Error('no database');
    if (behaviour === 'throws-later')
      setTimeout(() => {
        throw new Error('caught nowhere');
      }, 10);
    process.stdout.write('ready\n');
    if (behaviour === 'slow-start') await sleep(60_000, signal);
  },
});
