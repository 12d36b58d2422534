import { DomainError } from '@parley/errors';
import type { SharedBudget } from './shared-budget.ts';

/** What one call holds of the server: its place among the open calls and the bytes of its request. */
export interface CallLease {
  /** Who holds it; undefined before it is opened. */
  readonly holder: string | undefined;
  /** Takes a place for the call. @throws DomainError `resource-exhausted` when there is none. */
  open(holder: string): void;
  /** Sets how many bytes of the request are held now. @throws DomainError `resource-exhausted` when that is too much. */
  holdBytes(bytes: number): void;
  /** Has complete messages told to `charge` before they are decoded; it may throw to refuse them. */
  chargeBy(charge: (bytes: number) => void): void;
  /** Tells that a complete message has come. */
  charge(bytes: number): void;
  /** Has `giveBack` called when the call ends, at once if it has. */
  keep(giveBack: () => void): void;
  /** Gives everything back; later calls of any method do nothing. */
  release(): void;
}

/** How long a refused caller is told to wait: load of this kind passes within a second. */
const retryAfterMs = 1000;

/** A lease that holds nothing yet. */
export function createCallLease(calls: SharedBudget, bytes: SharedBudget): CallLease {
  let holder: string | undefined;
  let held = 0;
  let isReleased = false;
  let chargeTo: ((bytes: number) => void) | undefined;
  const kept: (() => void)[] = [];
  return {
    get holder() {
      return holder;
    },
    open(name) {
      if (isReleased || holder !== undefined) {
        return;
      }
      if (!calls.take(name, 1)) {
        throw exhausted(name, 'TOO_MANY_CALLS', 'Too many calls are open.');
      }
      holder = name;
    },
    holdBytes(amount) {
      if (isReleased || holder === undefined || amount === held) {
        return;
      }
      if (amount < held) {
        bytes.giveBack(holder, held - amount);
      } else if (!bytes.take(holder, amount - held)) {
        throw exhausted(
          holder,
          'TOO_MANY_BYTES_IN_FLIGHT',
          'Too many bytes of unanswered requests are held.',
        );
      }
      held = amount;
    },
    chargeBy(charge) {
      chargeTo = charge;
    },
    charge(amount) {
      if (amount > 0) chargeTo?.(amount);
    },
    keep(giveBack) {
      if (isReleased) giveBack();
      else kept.push(giveBack);
    },
    release() {
      for (const giveBack of kept.splice(0)) giveBack();
      if (!isReleased && holder !== undefined) {
        calls.giveBack(holder, 1);
        bytes.giveBack(holder, held);
      }
      isReleased = true;
    },
  };
}

function exhausted(subject: string, reason: string, message: string): DomainError {
  const quotas = [{ subject, description: `${message} One caller may have half of what there is room for.` }];
  return new DomainError(message, { kind: 'resource-exhausted', reason, quotas, retryAfterMs });
}
