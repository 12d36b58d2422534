import type { Database } from '@parley/database';

/** How far the log has been looked through for what is to be read; each partition by one process at a time. */
export interface ReadingCursors {
  /** Takes a partition, or keeps it; undefined while another process holds it. */
  hold(partition: number): Promise<bigint | undefined>;
  /** Moves on; false when the partition is held no more. */
  advance(partition: number, offset: bigint): Promise<boolean>;
  /** Gives all back. */
  release(): Promise<void>;
}

/** Without renewal, another process takes over. Times are the database's. */
export const holdSeconds = 15;

export function createReadingCursors(worker: Database, holder: string): ReadingCursors {
  return {
    async hold(partition) {
      const { rows } = await worker.query<{ log_offset: bigint }>(
        `insert into reading_cursors as c (partition, holder, held_until)
         values ($1, $2, clock_timestamp() + make_interval(secs => $3))
         on conflict (partition) do update set holder = excluded.holder, held_until = excluded.held_until
           where c.holder = excluded.holder or c.held_until < clock_timestamp()
         returning log_offset`,
        [partition, holder, holdSeconds],
      );
      return rows[0]?.log_offset;
    },

    async advance(partition, offset) {
      const { rows } = await worker.query(
        `update reading_cursors set log_offset = greatest(log_offset, $3), held_until = clock_timestamp() + make_interval(secs => $4)
          where partition = $1 and holder = $2
         returning 1`,
        [partition, holder, offset, holdSeconds],
      );
      return rows.length > 0;
    },

    async release() {
      await worker.query('update reading_cursors set held_until = clock_timestamp() where holder = $1', [
        holder,
      ]);
    },
  };
}
