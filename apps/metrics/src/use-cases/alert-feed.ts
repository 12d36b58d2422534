import type { Database } from '@parley/database';
import type { AlertPlace } from '../storage/alert-store.ts';
import { findLastChange, listAlertChanges, listAlerts } from '../storage/alerts.sql.ts';
import type { AlertRow } from '../storage/alerts.sql.ts';
import { createLiveFeed } from './live-feed.ts';

/** Whose alerts are watched. */
export interface AlertWatch extends AlertPlace {
  /** Empty: all bots. */
  readonly botId: string;
  /** The change after which to go on. Undefined: those that are open now come first. */
  readonly after: bigint | undefined;
}

/** Something that happened; without an alert: all that was open is told, or nothing happened for a while. */
export interface AlertNews {
  readonly alert: AlertRow | undefined;
  /** After which change to go on. */
  readonly number: bigint;
}

/** A tenant's alerts as they begin and end, each once. */
export interface AlertFeed {
  /** Ends with the signal's reason. */
  watch(watch: AlertWatch, signal: AbortSignal): AsyncGenerator<AlertNews>;
}

/** What another process has written is seen so soon. */
const lookEveryMs = 1_000;
const quietMs = 15_000;
const pageSize = 500;

/** However many watch a tenant, its last change is looked for once; each reads what is new to it. */
export function createAlertFeed(db: Database): AlertFeed {
  const live = createLiveFeed<AlertPlace, bigint>({
    keyOf: ({ tenantId }) => tenantId,
    read: (place) =>
      db.withTenant(place.tenantId, (tx) => findLastChange(tx, place), { readOnly: true, byIndex: true }),
    untilChanged: () => Promise.resolve(),
    isSame: (before, after) => before === after,
    spacingMs: lookEveryMs,
    quietMs,
  });

  /** Those that are open, in the order in which they began, with the change up to which that holds. */
  const findOpen = (place: AlertWatch): Promise<{ alerts: AlertRow[]; number: bigint }> =>
    db.withTenant(
      place.tenantId,
      async (tx) => {
        const number = await findLastChange(tx, place);
        const alerts: AlertRow[] = [];
        for (let before = number + 1n, isDone = false; !isDone;) {
          const asked = { botId: place.botId, isOpenOnly: true, before, limit: pageSize };
          const page = await listAlerts(tx, place, asked);
          alerts.push(...page);
          isDone = page.length < pageSize;
          before = page.at(-1)?.number ?? 0n;
        }
        return { alerts: alerts.reverse(), number };
      },
      { isolation: 'repeatable read', readOnly: true, byIndex: true },
    );

  return {
    async *watch(asked, signal) {
      let { after } = asked;
      if (after === undefined) {
        const { alerts, number } = await findOpen(asked);
        // In their order, so that whoever is cut off among these can go on from there.
        for (const alert of alerts) yield { alert, number: alert.number };
        after = number;
      }
      const { partition, tenantId, botId } = asked;
      for await (const last of live.watch({ partition, tenantId }, signal)) {
        if (last <= after) {
          yield { alert: undefined, number: after };
          continue;
        }
        for (let isDone = false; !isDone;) {
          const from: bigint = after;
          const news: readonly AlertRow[] = await db.withTenant(
            tenantId,
            (tx) => listAlertChanges(tx, asked, { botId, after: from, limit: pageSize }),
            { readOnly: true, byIndex: true },
          );
          for (const alert of news) yield { alert, number: alert.number };
          isDone = news.length < pageSize;
          after = news.at(-1)?.number ?? after;
        }
        // What is between was another bot's.
        if (after < last) after = last;
      }
    },
  };
}
