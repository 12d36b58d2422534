import type { Logger } from './logger.ts';

/** Everything that was opened and must be closed, closed in reverse order. */
export interface Closers {
  /** Registers how to close what was just opened. After `close` began, it is closed at once. */
  push(name: string, close: () => Promise<void> | void): void;
  /**
   * Closes everything, the last opened first, within `deadlineMs` in all: a closer that does not return leaves
   * the others what remains of the time, at least a tenth of it. A closer that fails or hangs is logged and the next one runs.
   * Repeated calls share the first one's outcome: true when everything closed properly.
   */
  close(deadlineMs: number): Promise<boolean>;
}

interface Closer {
  readonly name: string;
  readonly close: () => Promise<void> | void;
}

/** An empty stack of closers. */
export function createClosers(logger: Logger): Closers {
  const stack: Closer[] = [];
  let closing: Promise<boolean> | undefined;

  async function closeAll(deadlineMs: number): Promise<boolean> {
    const deadline = performance.now() + deadlineMs;
    let clean = true;
    for (let closer = stack.pop(); closer !== undefined; closer = stack.pop()) {
      const left = Math.max(deadline - performance.now(), deadlineMs / 10);
      clean = (await closeOne(closer, left, logger)) && clean;
    }
    return clean;
  }

  return {
    push(name, close) {
      if (closing === undefined) {
        stack.push({ name, close });
      } else {
        // Opened by something that did not see the end coming; a second is plenty for what is new.
        void closeOne({ name, close }, 1000, logger);
      }
    },
    close(deadlineMs) {
      closing ??= closeAll(deadlineMs);
      return closing;
    },
  };
}

async function closeOne({ name, close }: Closer, ms: number, logger: Logger): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, ms, 'late');
  });
  try {
    const outcome = await Promise.race([(async () => close())(), late]);
    if (outcome === 'late') {
      logger.error({ closer: name, waitedMs: Math.round(ms) }, 'not closed in time');
      return false;
    }
    logger.debug({ closer: name }, 'closed');
    return true;
  } catch (error) {
    logger.error({ closer: name, error }, 'closing failed');
    return false;
  } finally {
    clearTimeout(timer);
  }
}
