import type { LogSource } from '@parley/event';
import type { ProjectionRuntime } from '@parley/projection';
import type { HealthRegistry } from '@parley/rpc';
import { sleep } from '@parley/runtime';
import type { Logger } from '@parley/runtime';

const askEveryMs = 100;

/**
 * Says that services are serving once the log can be read and the projections have begun; until then that they are not.
 * Later trouble of the database is told by the answers, which come back as soon as it does.
 */
export function announceHealth({
  services,
  health,
  log,
  projections,
  logger,
}: {
  readonly services: readonly string[];
  readonly health: HealthRegistry;
  readonly log: LogSource;
  readonly projections: ProjectionRuntime;
  readonly logger: Logger;
}): { close(): Promise<void> } {
  const closing = new AbortController();
  const set = (status: 'serving' | 'not-serving') => {
    for (const name of services) health.set(name, status);
  };

  async function isReady(): Promise<boolean> {
    await log.heads(closing.signal);
    return (await projections.list()).every(({ generation }) => generation > 0);
  }

  async function announce(): Promise<void> {
    let failedBefore = false;
    while (!closing.signal.aborted) {
      try {
        if (await isReady()) return set('serving');
      } catch (error) {
        if (!failedBefore) logger.warn({ error }, 'waiting for the database');
        failedBefore = true;
      }
      await sleep(askEveryMs, closing.signal).catch(() => undefined);
    }
  }

  set('not-serving');
  const announcing = announce();
  return {
    async close() {
      closing.abort();
      await announcing;
    },
  };
}
