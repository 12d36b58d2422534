import type { Now } from '@parley/runtime';

/** Spares whoever fails again and again, one for each key. */
export interface CircuitBreaker {
  /** Whether it may be asked now; while it is broken, one attempt is let through each time the pause is over. */
  allows(key: string): boolean;
  succeeded(key: string): void;
  failed(key: string): void;
}

export interface CircuitBreakerOptions {
  /** Failures in a row that break it. */
  readonly failures: number;
  readonly pauseMs: number;
  readonly now: Now;
}

export function createCircuitBreaker({ failures, pauseMs, now }: CircuitBreakerOptions): CircuitBreaker {
  // Only what has failed last stands here.
  const states = new Map<string, { count: number; until: number }>();
  return {
    allows(key) {
      const state = states.get(key);
      if (state === undefined || state.count < failures) return true;
      if (state.until > now().getTime()) return false;
      state.until = now().getTime() + pauseMs;
      return true;
    },
    succeeded: (key) => void states.delete(key),
    failed(key) {
      const state = states.get(key) ?? { count: 0, until: 0 };
      states.set(key, { count: state.count + 1, until: now().getTime() + pauseMs });
    },
  };
}
