import { createHash } from 'node:crypto';
import { DomainError } from '@parley/errors';
import type { Now } from '@parley/runtime';
import type { Caller } from './caller.ts';
import type { CredentialResolver } from './credential-resolver.ts';

export interface CacheOptions {
  /** How long a caller is believed, at most 5,000 ms: that is how soon a revoked key must be refused everywhere. */
  readonly ttlMs?: number;
  /** How many callers are kept; the one unused for longest goes. As many refusals are kept beside them. */
  readonly maxEntries?: number;
  /** How long one look-up may take, in ms, before it counts as unavailable. */
  readonly lookUpWithinMs?: number;
  readonly now: Now;
}

/** A resolver that remembers. */
export interface CachedResolver extends CredentialResolver {
  /** Forgets everybody, so that a key that was just revoked is refused by the very next call. */
  forget(): void;
}

const maxTtlMs = 5000;
/** A key that was just made must work at once, so a refusal is believed for a moment only. */
const refusalTtlMs = 500;

interface Entry {
  readonly caller: Caller | undefined;
  readonly expiresAt: number;
}

/**
 * Remembers for seconds what `resolver` says, by the SHA-256 of the credential and the tenant named with it; a key that
 * expires, no longer than it is valid.
 * Concurrent look-ups of the same credential are one; a look-up goes on when the one who asked first gives up.
 * Faults are not remembered: when the source can't be reached the error is `unavailable`, never "unknown credential".
 */
export function cacheResolver(
  resolver: CredentialResolver,
  { ttlMs = maxTtlMs, maxEntries = 10_000, lookUpWithinMs = 2000, now }: CacheOptions,
): CachedResolver {
  if (ttlMs > maxTtlMs) {
    throw new Error(`Callers may be remembered for ${maxTtlMs} ms at most, not ${ttlMs}.`);
  }
  const callers = new Map<string, Entry>();
  // Apart from the callers, so that a flood of unknown keys can't push them out.
  const refusals = new Map<string, Entry>();
  const running = new Map<string, Promise<Caller | undefined>>();
  let generation = 0;

  function remembered(key: string): Entry | undefined {
    const kept = callers.has(key) ? callers : refusals;
    const entry = kept.get(key);
    if (entry === undefined) {
      return undefined;
    }
    kept.delete(key);
    if (entry.expiresAt <= now().getTime()) {
      return undefined;
    }
    kept.set(key, entry); // again as the youngest
    return entry;
  }

  function remember(key: string, caller: Caller | undefined, askedAt: number): void {
    const kept = caller === undefined ? refusals : callers;
    const ttl = caller === undefined ? Math.min(refusalTtlMs, ttlMs) : ttlMs;
    const validUntil = caller?.kind === 'tenant' ? caller.expiresAt?.getTime() : undefined;
    kept.set(key, { caller, expiresAt: Math.min(askedAt + ttl, validUntil ?? Infinity) });
    const oldest = kept.size > maxEntries ? kept.keys().next().value : undefined;
    if (oldest !== undefined) {
      kept.delete(oldest);
    }
  }

  async function lookUp(
    key: string,
    credential: string,
    tenantName: string | undefined,
  ): Promise<Caller | undefined> {
    const askedAt = now().getTime();
    const askedIn = generation;
    const signal = AbortSignal.timeout(lookUpWithinMs);
    try {
      const caller = await abortable(resolver.resolve(credential, tenantName, signal), signal);
      // What was asked before everybody was forgotten may be what has just changed.
      if (askedIn === generation) {
        remember(key, caller, askedAt);
      }
      return caller;
    } catch (error) {
      if (signal.aborted) {
        throw new DomainError('Credentials can not be checked at the moment.', {
          kind: 'unavailable',
          reason: 'CREDENTIALS_UNAVAILABLE',
          retryAfterMs: 1000,
          cause: error,
        });
      }
      throw error;
    } finally {
      if (askedIn === generation) {
        running.delete(key);
      }
    }
  }

  return {
    async resolve(credential, tenantName, signal) {
      signal.throwIfAborted();
      const key = keyOf(credential, tenantName);
      const entry = remembered(key);
      if (entry !== undefined) {
        return entry.caller;
      }
      let shared = running.get(key);
      if (shared === undefined) {
        shared = lookUp(key, credential, tenantName);
        running.set(key, shared);
      }
      return abortable(shared, signal);
    },
    forget() {
      generation += 1;
      callers.clear();
      refusals.clear();
      running.clear();
    },
    known(credential, tenantName) {
      return remembered(keyOf(credential, tenantName))?.caller ?? resolver.known?.(credential, tenantName);
    },
  };
}

function keyOf(credential: string, tenantName: string | undefined): string {
  const hash = createHash('sha256').update(credential);
  return (tenantName === undefined ? hash : hash.update('\0').update(tenantName)).digest('base64');
}

/** The outcome of `work`, or the signal's reason if that comes first. */
async function abortable<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
