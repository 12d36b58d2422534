import type { Tenant } from '@parley/access';
import type { Database } from '@parley/database';
import type { Logger, Now } from '@parley/runtime';

/** What became of events; `refused` for want of consent, `ancient` of those accepted that occurred over a week before. */
export const collectedKinds = [
  'accepted',
  'duplicate',
  'conflict',
  'rejected',
  'refused',
  'ancient',
] as const;
export type CollectedKind = (typeof collectedKinds)[number];
export type Collected = Partial<Readonly<Record<CollectedKind, number>>>;

export function nothingCollected(): Record<CollectedKind, number> {
  return { accepted: 0, duplicate: 0, conflict: 0, rejected: 0, refused: 0, ancient: 0 };
}

/**
 * Counts what became of each tenant's events by bot and UTC hour of receipt, without holding up any call. A crash loses what was
 * counted in the last ten seconds: these are figures about collection, the log itself loses nothing.
 */
export interface CollectionCounts {
  /** @param byBot by the bot's id; empty: of none. */
  note(tenant: Tenant, byBot: ReadonlyMap<string, Collected>): void;
  /** Writes down what was counted since the last time; what could not be written is kept for the next. */
  flush(): Promise<void>;
  /** Writes a last time and stops. */
  close(): Promise<void>;
}

const flushEveryMs = 10_000;
const hourMs = 3_600_000;
/** Bots times hours; when the database is away for long, further ones are not counted. */
const maxNoted = 100_000;
/** Bots of a tenant that are counted in an hour by themselves; further ones together. Ids may be made up call by call. */
const maxBots = 200;
/** Under which further ones are counted: longer than a bot's id may be, so that it is nobody's. */
export const otherBots = 'other bots'.padEnd(201);
/** How long counts are kept; longer than anybody asks back about what was collected. */
export const collectionCountDays = 400;
const removedAtOnce = 5_000;

interface Noted {
  readonly partition: number;
  readonly tenantId: string;
  readonly hour: number;
  readonly botId: string;
  readonly counts: Record<CollectedKind, number>;
}

/** @param worker bypasses row-level security: one statement writes the counts of all tenants. */
export function createCollectionCounts({
  worker,
  now,
  logger,
}: {
  readonly worker: Database;
  readonly now: Now;
  readonly logger: Logger;
}): CollectionCounts {
  let noted = new Map<string, Noted>();
  let countedHour = 0;
  /** By tenant, in that hour. */
  const countedBots = new Map<string, Set<string>>();
  let flushing: Promise<void> = Promise.resolve();

  function countedAs(tenantId: string, hour: number, botId: string): string {
    if (hour !== countedHour) countedBots.clear();
    countedHour = hour;
    const bots = countedBots.get(tenantId) ?? new Set();
    countedBots.set(tenantId, bots);
    if (botId === '' || bots.has(botId)) return botId;
    if (bots.size >= maxBots) return otherBots;
    bots.add(botId);
    return botId;
  }

  function add({ partition, tenantId, hour, botId }: Omit<Noted, 'counts'>, collected: Collected): void {
    const key = `${tenantId} ${hour} ${botId}`;
    let known = noted.get(key);
    if (known === undefined) {
      if (noted.size >= maxNoted) return;
      known = { partition, tenantId, hour, botId, counts: nothingCollected() };
      noted.set(key, known);
    }
    for (const kind of collectedKinds) known.counts[kind] += collected[kind] ?? 0;
  }

  async function write(): Promise<void> {
    const rows = [...noted.values()];
    noted = new Map();
    if (rows.length === 0) return;
    const list = collectedKinds.join(', ');
    const sums = collectedKinds.map((kind) => `${kind} = c.${kind} + excluded.${kind}`).join(', ');
    const types = collectedKinds.map((_, index) => `$${index + 5}::bigint[]`).join(', ');
    try {
      // In the order of the key, so that two processes do not wait for each other.
      await worker.query(
        `insert into collection_counts as c (partition, tenant_id, received_hour, bot_id, ${list})
         select * from unnest($1::int[], $2::uuid[], $3::timestamptz[], $4::text[], ${types}) order by 1, 2, 3, 4
         on conflict (partition, tenant_id, received_hour, bot_id) do update set ${sums}`,
        [
          rows.map(({ partition }) => partition),
          rows.map(({ tenantId }) => tenantId),
          rows.map(({ hour }) => new Date(hour)),
          rows.map(({ botId }) => botId),
          ...collectedKinds.map((kind) => rows.map(({ counts }) => counts[kind])),
        ],
      );
    } catch (error) {
      logger.warn({ error }, 'the counts of collection could not be written');
      for (const row of rows) add(row, row.counts);
    }
  }

  const flush = (): Promise<void> => (flushing = flushing.then(write));
  const timer = setInterval(() => void flush(), flushEveryMs).unref();

  return {
    note({ partition, tenantId }, byBot) {
      const hour = Math.floor(now().getTime() / hourMs) * hourMs;
      for (const [botId, collected] of byBot) {
        add({ partition, tenantId, hour, botId: countedAs(tenantId, hour, botId) }, collected);
      }
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}

/** Removes counts that are older than they are kept, of every tenant, some at a time; by the primary key. */
export async function removeOldCounts(
  worker: Pick<Database, 'query'>,
  at: Date,
  signal: AbortSignal,
): Promise<void> {
  const before = new Date(at.getTime() - collectionCountDays * 24 * hourMs);
  for (;;) {
    signal.throwIfAborted();
    const { rowCount } = await worker.query(
      `delete from collection_counts c
        using (select o.*
                 from tenants t
                cross join lateral (
                  select partition, tenant_id, received_hour, bot_id from collection_counts o
                   where o.partition = t.partition and o.tenant_id = t.tenant_id and o.received_hour < $1
                   limit $2) o
                limit $2) old
        where c.partition = old.partition and c.tenant_id = old.tenant_id
          and c.received_hour = old.received_hour and c.bot_id = old.bot_id`,
      [before, removedAtOnce],
    );
    if (rowCount < removedAtOnce) return;
  }
}
