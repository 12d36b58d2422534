import type { Database, Listener } from '@parley/database';
import type { Logger } from '@parley/runtime';
import type { HeadWatch } from './head-watch.ts';

const CHANNEL = 'ingestion_log';

/**
 * Tells the other processes where heads stand, by NOTIFY after the commit: inside the append's transaction it would
 * make commits queue. One at a time; what comes meanwhile goes into the next one, a partition once. A hint that is
 * lost costs its readers no more than the time to their next poll.
 */
export class HeadAnnouncer {
  readonly #database: Database;
  readonly #logger: Logger;
  #heads = new Map<number, bigint>();
  #sending: Promise<void> | undefined;

  constructor(database: Database, logger: Logger) {
    this.#database = database;
    this.#logger = logger;
  }

  announce(heads: ReadonlyMap<number, bigint>): void {
    for (const [partition, head] of heads) {
      if (head > (this.#heads.get(partition) ?? 0n)) this.#heads.set(partition, head);
    }
    this.#sending ??= this.#send();
  }

  /** Resolves when nothing is being sent any more. */
  async close(): Promise<void> {
    await this.#sending;
  }

  async #send(): Promise<void> {
    while (this.#heads.size > 0) {
      const payloads = [...this.#heads].map(([partition, head]) => `${partition} ${head}`);
      this.#heads = new Map();
      try {
        await this.#database.query(
          { name: 'announce-heads', text: `select pg_notify('${CHANNEL}', p) from unnest($1::text[]) as p` },
          [payloads],
        );
      } catch (error) {
        this.#logger.warn({ error }, 'other processes were not told of new events');
      }
    }
    this.#sending = undefined;
  }
}

/** Takes in what all processes announce, until closed. */
export function listenForHeads(database: Database, watch: Pick<HeadWatch, 'advance' | 'reset'>): Listener {
  return database.listen(CHANNEL, {
    onPayload: (payload) => {
      const [, partition, head] = /^(\d+) (\d+)$/.exec(payload) ?? [];
      if (partition !== undefined && head !== undefined) watch.advance(Number(partition), BigInt(head));
    },
    onConnection: (isConnected) => {
      if (isConnected) watch.reset();
    },
  });
}
