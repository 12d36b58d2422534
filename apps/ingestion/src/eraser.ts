import type { Logger } from '@parley/runtime';
import { holdErasures, releaseErasures } from './storage/erasure/open-erasures.sql.ts';
import { deleteExpiredSubjects } from './storage/privacy.sql.ts';
import { carryOutErasure } from './use-cases/carry-out-erasures.ts';
import type { CarryOutDependencies } from './use-cases/carry-out-erasures.ts';

/** Carries out the erasures that are asked for. */
export interface Eraser {
  /** There is one. */
  wake(): void;
  close(): Promise<void>;
}

const lookEveryMs = 1_000;
/** While one waits for projections, which take a moment. */
const lookAgainMs = 200;
const atOnce = 20;
const hourMs = 3_600_000;

/** Looks for erasures now and every second, and takes each as far as it goes; and forgets what was refused long ago. */
export function startEraser(
  dependencies: Omit<CarryOutDependencies, 'signal'> & { readonly holder: string },
  logger: Logger,
): Eraser {
  const { worker, holder } = dependencies;
  const closing = new AbortController();
  const { signal } = closing;
  let woken = Promise.withResolvers<void>();
  let expiredAt = -Infinity;

  /** Whether any is under way. */
  async function carryOutAll(): Promise<boolean> {
    const erasures = await holdErasures(worker, holder, atOnce);
    for (const erasure of erasures) {
      try {
        await carryOutErasure({ ...dependencies, signal }, erasure);
      } catch (error) {
        if (signal.aborted) throw error;
        const { receiptId, stage } = erasure;
        logger.warn({ error, receiptId, stage }, 'an erasure could not be taken further; it is tried again');
      }
    }
    return erasures.length > 0;
  }

  const erasing = (async () => {
    let hasFailed = false;
    while (!signal.aborted) {
      let isUnderWay = false;
      try {
        isUnderWay = await carryOutAll();
        if (performance.now() - expiredAt > hourMs) {
          await deleteExpiredSubjects(worker);
          expiredAt = performance.now();
        }
        hasFailed = false;
      } catch (error) {
        if (!signal.aborted && !hasFailed) logger.warn({ error }, 'erasures can not be carried out now');
        hasFailed = true;
      }
      await pause(isUnderWay ? lookAgainMs : lookEveryMs);
    }
  })();

  async function pause(ms: number): Promise<void> {
    const timer = setTimeout(() => woken.resolve(), ms);
    await woken.promise;
    clearTimeout(timer);
    woken = Promise.withResolvers();
  }

  return {
    wake: () => woken.resolve(),
    async close() {
      closing.abort(new Error('The service closes.'));
      woken.resolve();
      await erasing;
      await releaseErasures(worker, holder).catch((error: unknown) =>
        logger.debug({ error }, 'erasures were not given back'),
      );
    },
  };
}
