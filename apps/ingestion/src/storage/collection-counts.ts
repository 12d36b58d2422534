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

/**
 * Counts what became of each tenant's events by UTC hour of receipt, without holding up any call. A crash loses what was
 * counted in the last ten seconds: these are figures about collection, the log itself loses nothing.
 */
export interface CollectionCounts {
  note(tenant: Tenant, collected: Collected): void;
  /** Writes down what was counted since the last time; what could not be written is kept for the next. */
  flush(): Promise<void>;
  /** Writes a last time and stops. */
  close(): Promise<void>;
}

const flushEveryMs = 10_000;
const hourMs = 3_600_000;
/** Tenants times hours; when the database is away for long, further ones are not counted. */
const maxNoted = 100_000;

interface Noted {
  readonly partition: number;
  readonly tenantId: string;
  readonly hour: number;
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
  let flushing: Promise<void> = Promise.resolve();

  function add({ partition, tenantId, hour }: Omit<Noted, 'counts'>, collected: Collected): void {
    const key = `${tenantId} ${hour}`;
    let known = noted.get(key);
    if (known === undefined) {
      if (noted.size >= maxNoted) return;
      const counts = { accepted: 0, duplicate: 0, conflict: 0, rejected: 0, refused: 0, ancient: 0 };
      known = { partition, tenantId, hour, counts };
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
    const types = collectedKinds.map((_, index) => `$${index + 4}::bigint[]`).join(', ');
    try {
      // In the order of the key, so that two processes do not wait for each other.
      await worker.query(
        `insert into collection_counts as c (partition, tenant_id, received_hour, ${list})
         select * from unnest($1::int[], $2::uuid[], $3::timestamptz[], ${types}) order by 1, 2, 3
         on conflict (partition, tenant_id, received_hour) do update set ${sums}`,
        [
          rows.map(({ partition }) => partition),
          rows.map(({ tenantId }) => tenantId),
          rows.map(({ hour }) => new Date(hour)),
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
    note({ partition, tenantId }, collected) {
      add({ partition, tenantId, hour: Math.floor(now().getTime() / hourMs) * hourMs }, collected);
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}
