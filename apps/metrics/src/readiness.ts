import type { ProjectionRuntime } from '@parley/projection';
import { sleep } from '@parley/runtime';
import type { Logger } from '@parley/runtime';

export interface ReadinessOptions {
  readonly projections: ProjectionRuntime;
  readonly logger: Logger;
  /** Called once, when the tables are there and the log has been heard. */
  readonly onReady: () => void;
}

const lookMs = 200;

/** Looks until the service can answer for the first time. Who it waits for is logged by the projections. */
export function startReadiness({ projections, logger, onReady }: ReadinessOptions): {
  close(): Promise<void>;
} {
  const closing = new AbortController();
  const { signal } = closing;

  const isReady = async (): Promise<boolean> => {
    try {
      const statuses = await projections.list();
      return statuses.every(({ partitions }) =>
        partitions.some(({ partition }) => projections.progress.headOf(partition) !== undefined),
      );
    } catch (error) {
      logger.debug({ error }, 'not ready yet');
      return false;
    }
  };
  const watching = (async () => {
    while (!(await isReady())) {
      if (signal.aborted) return;
      await sleep(lookMs, signal).catch(() => undefined);
    }
    if (!signal.aborted) onReady();
  })();
  return {
    close: async () => {
      closing.abort();
      await watching;
    },
  };
}
