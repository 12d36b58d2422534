import type { Database } from '@parley/database';
import type { Logger, Now } from '@parley/runtime';
import { ensureMonths } from './event-log/months.ts';

const dayMs = 24 * 3_600_000;

/** Makes the months of the log ahead of time: now, and once a day. */
export function startMonthKeeper(owner: Database, now: Now, logger: Logger): { close(): Promise<void> } {
  const keep = async () => {
    try {
      await ensureMonths(owner, now());
    } catch (error) {
      // The default partition takes the events until the next try.
      logger.warn({ error }, 'the months of the log were not made ahead');
    }
  };
  let keeping = keep();
  const timer = setInterval(() => {
    keeping = keeping.then(keep);
  }, dayMs).unref();
  return {
    async close() {
      clearInterval(timer);
      await keeping;
    },
  };
}
