import type { Database } from '@parley/database';

/** A verification that was run by itself, at night. */
export interface NightlyVerification {
  readonly projection: string;
  /** The UTC day of the night, `YYYY-MM-DD`. */
  readonly night: string;
  readonly startedAt: Date;
  /** Null: it runs, or its process is gone and another is to begin it anew. */
  readonly endedAt: Date | null;
  readonly eventCount: bigint;
  readonly rowCount: bigint;
  /** 0 is the only good answer. */
  readonly differenceCount: bigint;
  /** Why it ended without an answer; empty: it did not. */
  readonly error: string;
}

/** Which night's verification of which projection. */
export interface NightKey {
  readonly projection: string;
  readonly night: string;
}

/** A process that has not been heard of for so long is gone. */
const silentSeconds = 120;

/**
 * Takes a night's verification, so that one process runs it; whoever has it says every few seconds that it is still there.
 * @returns false when somebody has it, or had it and ended it.
 */
export async function claimNight(
  db: Database,
  { projection, night }: NightKey,
  holder: string,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into projection_verifications as v (projection, night, holder) values ($1, $2, $3)
     on conflict (projection, night) do update
        set holder = excluded.holder, started_at = clock_timestamp(), heard_at = clock_timestamp(), event_count = 0
      where v.ended_at is null and v.heard_at < clock_timestamp() - interval '${silentSeconds} seconds'`,
    [projection, night, holder],
  );
  return rowCount > 0;
}

/** @returns false when it is somebody else's by now. */
export async function noteNight(
  db: Database,
  { projection, night }: NightKey,
  holder: string,
  eventCount: bigint,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update projection_verifications set heard_at = clock_timestamp(), event_count = $4
      where projection = $1 and night = $2 and holder = $3 and ended_at is null`,
    [projection, night, holder, eventCount],
  );
  return rowCount > 0;
}

/** Writes down how it went. */
export async function endNight(
  db: Database,
  { projection, night }: NightKey,
  holder: string,
  outcome: { readonly rowCount: number; readonly differenceCount: number; readonly error: string },
): Promise<void> {
  await db.query(
    `update projection_verifications
        set ended_at = clock_timestamp(), row_count = $4, difference_count = $5, error = $6
      where projection = $1 and night = $2 and holder = $3 and ended_at is null`,
    [projection, night, holder, outcome.rowCount, outcome.differenceCount, outcome.error],
  );
}

/** Those of these projections, the latest first. */
export async function listNights(
  db: Database,
  projections: readonly string[],
  limit: number,
): Promise<readonly NightlyVerification[]> {
  const { rows } = await db.query<NightlyVerification>(
    `select projection, night::text as night, started_at as "startedAt", ended_at as "endedAt",
            event_count as "eventCount", row_count as "rowCount", difference_count as "differenceCount", error
       from projection_verifications where projection = any($1)
      order by night desc, projection limit $2`,
    [projections, limit],
  );
  return rows;
}
