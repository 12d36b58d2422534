import type { Database } from '@parley/database';
import type { Logger, Now } from '@parley/runtime';

/** Notes when keys were last used, without holding up any call. */
export interface KeyUses {
  note(keyId: string): void;
  /** Writes down what was noted since the last time. */
  flush(): Promise<void>;
  /** Writes a last time and stops. */
  close(): Promise<void>;
}

/** Last use is told to within a minute. */
const flushEveryMs = 30_000;
/** More keys than that in half a minute are noted the next time they are seen. */
const maxNoted = 100_000;

/** @param worker bypasses row-level security: one statement writes the uses of all tenants' keys. */
export function createKeyUses({
  worker,
  now,
  logger,
}: {
  readonly worker: Database;
  readonly now: Now;
  readonly logger: Logger;
}): KeyUses {
  const noted = new Map<string, Date>();

  async function flush(): Promise<void> {
    const uses = [...noted];
    noted.clear();
    if (uses.length === 0) return;
    try {
      await worker.query(
        `update api_keys k set last_used_at = u.used_at
           from unnest($1::text[], $2::timestamptz[]) as u (key_id, used_at)
          where k.key_id = u.key_id and (k.last_used_at is null or k.last_used_at < u.used_at)`,
        [uses.map(([keyId]) => keyId), uses.map(([, usedAt]) => usedAt)],
      );
    } catch (error) {
      logger.warn({ error }, 'the last use of keys could not be written');
    }
  }

  const timer = setInterval(() => void flush(), flushEveryMs).unref();

  return {
    note(keyId) {
      if (noted.size < maxNoted || noted.has(keyId)) noted.set(keyId, now());
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}
