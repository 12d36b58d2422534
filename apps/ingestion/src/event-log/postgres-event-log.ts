import type { Database } from '@parley/database';
import { DomainError } from '@parley/errors';
import type { LogBatch, TailOptions } from '@parley/event';
import type { Logger } from '@parley/runtime';
import { appendInTransaction, asUnavailable } from './append-transaction.ts';
import type { AppendedGroup } from './append-transaction.ts';
import type { AppendResult, EventLog, NewEvent } from './event-log.ts';
import type { ReachFailpoint } from './failpoint.ts';
import { closingError, GroupCommit, groupCommitLimits, type GroupCommitLimits } from './group-commit.ts';
import { HeadAnnouncer, listenForHeads } from './head-announcer.ts';
import { HeadWatch } from './head-watch.ts';
import { RecentEvents } from './recent-events.ts';
import { listSeals } from '../storage/raw-seals.sql.ts';
import { RulesChanged } from './storage-rules.ts';
import type { StorageRules } from './storage-rules.ts';
import { tail } from './tail.ts';

/** Connections that the appending role's pool needs: one for each writer and one for announcing. */
export const appendConnections = groupCommitLimits.writers + 1;

export interface PostgresEventLogOptions {
  /** As `ingestion_append`, with `appendConnections` connections, for nothing else. */
  readonly append: Database;
  /** As `ingestion_worker`; tails hold none of its connections for longer than a query. */
  readonly worker: Database;
  readonly rules: StorageRules;
  readonly logger: Logger;
  readonly reach?: ReachFailpoint;
  readonly limits?: GroupCommitLimits;
}

const CLOSE_MS = 10_000;
/** How often rules may change while a group is judged and written; it takes milliseconds, a change an administrator. */
const JUDGEMENTS = 20;

/** The event log in Postgres. The databases stay open when it closes. */
export function openPostgresEventLog(options: PostgresEventLogOptions): EventLog {
  const { append, worker, rules, logger, reach = () => undefined, limits = groupCommitLimits } = options;
  const watch = new HeadWatch();
  const announcer = new HeadAnnouncer(append, logger);
  const recent = new RecentEvents();
  const listener = listenForHeads(worker, {
    advance: (partition, head) => watch.advance(partition, head),
    reset: () => {
      // Another server may have taken over, with another end of the log.
      recent.forget();
      watch.reset();
    },
  });
  const closing = new AbortController();
  const beginning = new Set<Promise<void>>();
  let partitions: ReadonlyMap<number, bigint> = new Map();

  const readHeads = async (): Promise<ReadonlyMap<number, bigint>> => {
    const { rows } = await worker.query<{ partition: number; head_offset: bigint }>(
      'select partition, head_offset from partition_heads order by partition',
    );
    return new Map(rows.map((row) => [row.partition, row.head_offset]));
  };
  const requirePartitions = async (events: readonly NewEvent[]): Promise<void> => {
    const isUnknown = ({ partition }: NewEvent): boolean => !partitions.has(partition);
    if (!events.some(isUnknown)) return;
    // Partitions may be added at any time; none is ever taken away.
    partitions = await readHeads();
    const stranger = events.find(isUnknown);
    if (stranger === undefined) return;
    throw new DomainError(`There is no partition ${stranger.partition}.`, {
      kind: 'not-found',
      reason: 'UNKNOWN_PARTITION',
      facts: { partition: String(stranger.partition) },
    });
  };

  const appendByRules = async (group: readonly NewEvent[]): Promise<AppendedGroup> => {
    for (let attempt = 1; ; attempt += 1) {
      const judgement = await rules.judge(group).catch((error: unknown) => {
        throw asUnavailable(error);
      });
      try {
        return await appendInTransaction(append, judgement, {
          noteRefused: (tx, refused) => rules.noteRefused(tx, refused),
          reach,
        });
      } catch (error) {
        if (!(error instanceof RulesChanged)) throw error;
        if (attempt === JUDGEMENTS) {
          throw new DomainError('The rules of what may be stored change all the time.', {
            kind: 'unavailable',
            reason: 'LOG_UNAVAILABLE',
            retryAfterMs: 1_000,
            cause: error,
          });
        }
        rules.forget(error.partitions);
      }
    }
  };

  const groups = new GroupCommit(
    async (group) => {
      const { results, added } = await appendByRules(group);
      const heads = new Map<number, bigint>();
      for (const [partition, events] of added) {
        const head = events.at(-1)?.offset;
        if (head === undefined) continue;
        recent.add(partition, events);
        heads.set(partition, head);
        watch.advance(partition, head);
      }
      if (heads.size > 0) announcer.announce(heads);
      reach('append:before-answer');
      return results;
    },
    limits,
    () => performance.now(),
  );

  return {
    append: async (events: readonly NewEvent[], signal?: AbortSignal): Promise<AppendResult[]> => {
      if (closing.signal.aborted) throw closingError();
      const required = requirePartitions(events);
      beginning.add(required);
      try {
        await required;
        return await groups.submit(events, signal);
      } finally {
        beginning.delete(required);
      }
    },
    heads: () => readHeads(),
    seals: ({ reader, confirmed }) => listSeals(worker, reader, confirmed),
    tail: async function* (tailOptions: TailOptions): AsyncGenerator<LogBatch, void, undefined> {
      const { signal } = tailOptions;
      yield* tail(
        { database: worker, watch, recent, logger },
        { ...tailOptions, signal: AbortSignal.any([signal, closing.signal]) },
      );
      // Whoever did not ask for the end must not take it for one and come back at once, again and again.
      if (!signal.aborted) throw closingError();
    },
    close: async () => {
      closing.abort();
      // What was begun before is answered, also where its partitions are still being looked up.
      await Promise.allSettled(beginning);
      await groups.close(CLOSE_MS);
      await announcer.close();
      await listener.close();
    },
  };
}
