import { sqlStateOf } from '@parley/database';
import { DomainError } from '@parley/errors';
import type { Logger } from '@parley/runtime';

const passing: ReadonlySet<string> = new Set([
  'unavailable',
  'aborted',
  'deadline-exceeded',
  'resource-exhausted',
]);

/** A missing right, schema or table: the installation is at fault, not the event. */
const installationStates: ReadonlySet<string | undefined> = new Set(['42501', '3F000', '42P01']);

/** Whether an error of a fold says nothing about the events, so that waiting may help and parking would be wrong. */
export function isPassing(error: unknown): boolean {
  if (error instanceof DomainError) return passing.has(error.kind);
  return installationStates.has(sqlStateOf(error));
}

/** Whether the database took too long: fewer events at once may go. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DomainError && error.kind === 'deadline-exceeded';
}

/** Something that several depend on and that can fail for a while: logged when it begins and when it ends. */
export interface Outage {
  /** `who` can't work. */
  began(who: string, error: unknown): void;
  /** `who` can work again, or does not want to any more. */
  ended(who: string): void;
}

/** @param what the thing that fails, as the subject of a sentence: `the event log`. */
export function createOutage(logger: Logger, what: string): Outage {
  const suffering = new Set<string>();
  return {
    began(who, error) {
      if (suffering.size === 0) logger.warn({ error, who }, `${what} fails, trying again until it works`);
      suffering.add(who);
    },
    ended(who) {
      if (suffering.delete(who) && suffering.size === 0) logger.info({ who }, `${what} works again`);
    },
  };
}

const firstBackoffMs = 100;
const lastBackoffMs = 5_000;

/** How long to wait before the next try, after so many that failed: doubling, with jitter, at most 5 s. */
export function backoffMs(failures: number, random: () => number): number {
  const bound = Math.min(firstBackoffMs * 2 ** Math.min(failures - 1, 10), lastBackoffMs);
  return bound / 2 + (random() * bound) / 2;
}
