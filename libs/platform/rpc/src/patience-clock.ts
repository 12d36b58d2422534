import { DomainError } from '@parley/errors';

/** How much longer a client is waited for. */
export interface Patience {
  /** Time that its client may still leave us waiting, in ms; counted down. */
  leftMs: number;
  /** When nobody waits for the answer any more, by `performance.now()`. */
  readonly endsAt: number;
  /** How many bytes its connection has brought so far, whichever call they are for. */
  readonly bytesRead: () => number;
}

/** Waits for clients. */
export interface PatienceClock {
  /**
   * Waits for `work` while there is patience.
   * @throws DomainError `deadline-exceeded` when there is none left.
   */
  wait<Value>(work: Promise<Value>, patience: Patience): Promise<Value>;
}

interface Wait {
  readonly patience: Patience;
  readonly giveUp: (error: DomainError) => void;
  countedTo: number;
  bytesSeen: number;
}

/** Fine enough for seconds; what a busy event loop adds to it is not the client's doing. */
const tickMs = 100;

/**
 * One megabit a second. A connection that brings that much is used as well as can be asked: HTTP/2 shares its window
 * among its calls, so that one of them may have to wait for the others. Calls that drip beside such traffic end at
 * their deadline.
 */
const wellUsedBytesPerMs = 125;

/**
 * A clock, and one timer, for all calls. It counts only time in which the server was ready to read and the client left
 * its connection (almost) unused: of the time between two looks no more than the usual, since for the rest the event loop
 * was busy; and it looks when the loop has read what lay in its sockets.
 */
export function createPatienceClock(): PatienceClock {
  const waits = new Set<Wait>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    if (waits.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
    const now = performance.now();
    for (const wait of waits) {
      count(wait, now);
      if (wait.patience.leftMs <= 0 || now >= wait.patience.endsAt) {
        waits.delete(wait);
        wait.giveUp(tooSlow());
      }
    }
  }

  return {
    wait(work, patience) {
      timer ??= setInterval(() => setImmediate(look), tickMs).unref();
      return new Promise((resolve, reject) => {
        const wait: Wait = {
          patience,
          giveUp: reject,
          countedTo: performance.now(),
          bytesSeen: patience.bytesRead(),
        };
        const end = (): void => {
          if (waits.delete(wait)) {
            count(wait, performance.now());
          }
        };
        waits.add(wait);
        work.then(
          (value) => {
            end();
            resolve(value);
          },
          (error: unknown) => {
            end();
            reject(error instanceof Error ? error : new Error(String(error)));
          },
        );
      });
    },
  };
}

function count(wait: Wait, now: number): void {
  const { patience } = wait;
  const ms = Math.min(now - wait.countedTo, tickMs);
  const bytes = patience.bytesRead();
  if (bytes - wait.bytesSeen < ms * wellUsedBytesPerMs) {
    patience.leftMs -= ms;
  }
  wait.countedTo = now;
  wait.bytesSeen = bytes;
}

function tooSlow(): DomainError {
  return new DomainError('The message did not come in time.', {
    kind: 'deadline-exceeded',
    reason: 'MESSAGE_TOO_SLOW',
  });
}
