import { sleep } from '@parley/runtime';
import type { Logger } from '@parley/runtime';
import { dropExpiredMonths } from './use-cases/drop-expired-months.ts';
import type { MonthDependencies } from './use-cases/drop-expired-months.ts';
import { keepRetention } from './use-cases/keep-retention.ts';
import type { RetentionDependencies } from './use-cases/keep-retention.ts';

const hourMs = 3_600_000;
/** After a failure: the database may be back by then. */
const againMs = 15_000;

/** Removes what is past its retention: now, and every hour. */
export function startRetentionKeeper(
  dependencies: Omit<RetentionDependencies, 'signal'> & MonthDependencies,
  logger: Logger,
): { close(): Promise<void> } {
  const closing = new AbortController();
  const { signal } = closing;
  /** Whether it could be done. */
  const keep = async (): Promise<boolean> => {
    try {
      await keepRetention({ ...dependencies, signal });
      const months = await dropExpiredMonths(dependencies);
      if (months.length > 0) logger.info({ months }, 'months of the log were dropped');
      return true;
    } catch (error) {
      if (!signal.aborted) logger.warn({ error }, 'retention could not be carried out; it is tried again');
      return false;
    }
  };
  const keeping = (async () => {
    while (!signal.aborted) {
      const waitMs = (await keep()) ? hourMs : againMs;
      // It ends early when this is closed, for nothing else.
      await sleep(waitMs, signal).catch(() => undefined);
    }
  })();
  return {
    async close() {
      closing.abort(new Error('The service closes.'));
      await keeping;
    },
  };
}
