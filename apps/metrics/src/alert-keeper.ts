import type { Database } from '@parley/database';
import type { ProjectionProgress } from '@parley/projection';
import type { Logger, Now } from '@parley/runtime';
import { holdWebhooks } from './storage/alert-deliveries.ts';
import { listDuePartitions, releaseAlertClocks } from './storage/alert-clock.ts';
import { removeAlerts } from './storage/alert-store.ts';
import { deliverNext } from './use-cases/alert-delivery.ts';
import type { DeliveryDependencies } from './use-cases/alert-delivery.ts';
import { judgePartition } from './use-cases/alert-round.ts';
import type { RoundDependencies } from './use-cases/alert-round.ts';

export interface AlertKeeperDependencies extends RoundDependencies {
  readonly worker: Database;
  /** The name of the projection that is judged. */
  readonly projection: string;
  readonly progress: ProjectionProgress;
  readonly now: Now;
  readonly logger: Logger;
}

/** Minutes end by events, of which one comes each minute at least: so one is judged seconds after. */
const lookEveryMs = 5_000;
/** A partition that is further behind is not judged: what is missing would look like silence. */
const mostLagMs = 60_000;
const hourMs = 3_600_000;
const keptMs = 90 * 86_400_000;

const lookForPostsEveryMs = 1_000;
/** Webhooks to which this process posts at a time. */
const mostPosts = 16;

/** Judges what can be judged, now and every few seconds, and forgets alerts of 90 days ago. */
export function startAlertKeeper(dependencies: AlertKeeperDependencies): { close(): Promise<void> } {
  const { worker, holder, projection, progress, now, logger } = dependencies;
  let removedAt = -Infinity;
  return repeat(lookEveryMs, {
    async work(signal) {
      for (const due of await listDuePartitions(worker, projection, holder)) {
        if (progress.lagMs({ projection, ...due }) > mostLagMs) continue;
        await judgePartition(dependencies, due, signal);
        if (signal.aborted) return;
      }
      if (performance.now() - removedAt < hourMs) return;
      while (await removeAlerts(worker, new Date(now().getTime() - keptMs))) if (signal.aborted) return;
      removedAt = performance.now();
    },
    end: () => releaseAlertClocks(worker, holder),
    onError: (error) => logger.warn({ error }, 'alerts can not be judged now; it is tried again'),
  });
}

/** Posts what is due, to several webhooks at a time and to each one after the other. */
export function startAlertDeliverer(dependencies: DeliveryDependencies): { close(): Promise<void> } {
  const { worker, logger } = dependencies;
  const posting = new Set<Promise<void>>();
  const posts = repeat(lookForPostsEveryMs, {
    async work(signal) {
      if (posting.size === mostPosts) return;
      for (const webhook of await holdWebhooks(worker, mostPosts - posting.size)) {
        const { webhookId } = webhook;
        const post = deliverNext(dependencies, webhook, signal)
          .catch((error: unknown) => {
            logger.warn({ error, webhookId }, 'a webhook could not be served; it is tried again');
          })
          .finally(() => {
            posting.delete(post);
            // It may have more to hear, and a place is free.
            posts.wake();
          });
        posting.add(post);
      }
    },
    end: async () => {
      await Promise.all(posting);
    },
    onError: (error) => logger.warn({ error }, 'nothing can be posted to webhooks now; it is tried again'),
  });
  return posts;
}

/** Works now, and each time so long after it has ended, or when woken. Of errors in a row only the first is told. */
function repeat(
  everyMs: number,
  {
    work,
    end,
    onError,
  }: {
    readonly work: (signal: AbortSignal) => Promise<void>;
    readonly end: () => Promise<void>;
    readonly onError: (error: unknown) => void;
  },
): { wake(): void; close(): Promise<void> } {
  const closing = new AbortController();
  const { signal } = closing;
  let woken = Promise.withResolvers<void>();
  const working = (async () => {
    let hasFailed = false;
    while (!signal.aborted) {
      woken = Promise.withResolvers();
      try {
        await work(signal);
        hasFailed = false;
      } catch (error) {
        if (!signal.aborted && !hasFailed) onError(error);
        hasFailed = true;
      }
      const timer = setTimeout(() => woken.resolve(), everyMs);
      if (!signal.aborted) await woken.promise;
      clearTimeout(timer);
    }
  })();
  return {
    wake: () => woken.resolve(),
    async close() {
      closing.abort(new Error('The service closes.'));
      woken.resolve();
      await working;
      await end().catch(onError);
    },
  };
}
