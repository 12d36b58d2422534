import type { Logger } from '@parley/runtime';
import { dropExpiredMonths } from './use-cases/drop-expired-months.ts';
import type { MonthDependencies } from './use-cases/drop-expired-months.ts';
import { keepRetention } from './use-cases/keep-retention.ts';
import type { RetentionDependencies } from './use-cases/keep-retention.ts';

const hourMs = 3_600_000;

/** Removes what is past its retention: now, and every hour. */
export function startRetentionKeeper(
  dependencies: Omit<RetentionDependencies, 'signal'> & MonthDependencies,
  logger: Logger,
): { close(): Promise<void> } {
  const closing = new AbortController();
  const keep = async (): Promise<void> => {
    try {
      await keepRetention({ ...dependencies, signal: closing.signal });
      const months = await dropExpiredMonths(dependencies);
      if (months.length > 0) logger.info({ months }, 'months of the log were dropped');
    } catch (error) {
      if (!closing.signal.aborted)
        logger.warn({ error }, 'retention could not be carried out; it is tried again');
    }
  };
  let keeping = keep();
  const timer = setInterval(() => {
    keeping = keeping.then(keep);
  }, hourMs).unref();
  return {
    async close() {
      clearInterval(timer);
      closing.abort(new Error('The service closes.'));
      await keeping;
    },
  };
}
