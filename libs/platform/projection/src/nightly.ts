import type { Database } from '@parley/database';
import type { Logger, Now } from '@parley/runtime';
import { sleep } from '@parley/runtime';
import { claimNight, endNight, noteNight } from './verifications.ts';
import type { NightKey } from './verifications.ts';
import type { VerificationResult, VerificationStep } from './verify-projection.ts';

export interface NightlyOptions {
  /** The UTC hour from which on it runs, 0 to 23. */
  readonly atHour: number;
  /** Of the time, how much it may work; a quarter unless told. The rest it sleeps, between batches. */
  readonly share?: number;
  /** After how long it is given up; 4 hours unless told. */
  readonly maxMs?: number;
}

export interface NightlyDependencies extends NightlyOptions {
  readonly db: Database;
  readonly projections: readonly string[];
  readonly holder: string;
  readonly now: Now;
  readonly logger: Logger;
  readonly verify: (name: string, signal: AbortSignal) => AsyncGenerator<VerificationStep, void, void>;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** How late a night's verification may still begin. */
const graceMs = 3 * hourMs;
const lookMs = 30_000;
const noteMs = 10_000;

/** The night that is due, as its UTC day; undefined while none is: it begins within three hours from its hour on. */
export function nightDueAt(now: Date, atHour: number): string | undefined {
  const sinceHour = now.getTime() - atHour * hourMs;
  const day = Math.floor(sinceHour / dayMs) * dayMs;
  return sinceHour - day < graceMs ? new Date(day).toISOString().slice(0, 10) : undefined;
}

/** Verifies every projection each night, one after the other, until the signal ends it. Of several processes one does. */
export async function verifyNightly(dependencies: NightlyDependencies, signal: AbortSignal): Promise<void> {
  const { projections, now, atHour, db, holder, logger } = dependencies;
  while (!signal.aborted) {
    const night = nightDueAt(now(), atHour);
    for (const projection of night === undefined ? [] : projections) {
      const key = { projection, night: night ?? '' };
      try {
        if (await claimNight(db, key, holder)) await runNight(dependencies, key, signal);
      } catch (error) {
        if (!signal.aborted) logger.warn({ error, ...key }, 'the nightly verification could not be begun');
      }
    }
    await sleep(lookMs, signal).catch(() => undefined);
  }
}

async function runNight(
  { db, holder, logger, verify, share = 0.25, maxMs = 4 * hourMs }: NightlyDependencies,
  key: NightKey,
  signal: AbortSignal,
): Promise<void> {
  const end = AbortSignal.any([signal, AbortSignal.timeout(maxMs)]);
  let result: VerificationResult | undefined;
  let eventCount = 0n;
  let notedAt = performance.now();
  let wokenAt = performance.now();
  try {
    for await (const step of verify(key.projection, end)) {
      ({ eventCount } = step);
      result = step.result;
      // It works while this waits for the next step, and between steps it holds nothing that others wait for.
      if (result === undefined) await sleep((performance.now() - wokenAt) * (1 / share - 1), end);
      if (performance.now() - notedAt > noteMs) {
        if (!(await noteNight(db, key, holder, eventCount))) return;
        notedAt = performance.now();
      }
      wokenAt = performance.now();
    }
  } catch (error) {
    // Another process begins it anew when this one is closed.
    if (signal.aborted) return;
    const text = error instanceof Error ? error.message : String(error);
    await endNight(db, key, holder, { rowCount: 0, differenceCount: 0, error: text });
    logger.warn({ error, ...key }, 'the nightly verification ended without an answer');
    return;
  }
  if (result === undefined) return;
  const { rowCount, differenceCount, differences, buckets } = result;
  await noteNight(db, key, holder, eventCount);
  await endNight(db, key, holder, { rowCount, differenceCount, error: '' });
  const told = { ...key, eventCount: eventCount.toString(), rowCount, differenceCount };
  if (differenceCount === 0) logger.info(told, 'the nightly verification found no differences');
  else logger.error({ ...told, buckets, differences }, 'the nightly verification found differences');
}
