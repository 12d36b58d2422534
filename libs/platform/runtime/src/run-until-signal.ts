import process from 'node:process';
import type { Closers } from './closers.ts';
import { createClosers } from './closers.ts';
import type { Logger } from './logger.ts';

export interface RunOptions {
  readonly logger: Logger;
  /** Opens everything and pushes a closer for each; `signal` is aborted when the process is told to stop. */
  readonly start: (closers: Closers, signal: AbortSignal) => Promise<void>;
  /** How long closing may take after the first signal; 10 s unless told, the grace that container engines give. */
  readonly closeWithinMs?: number;
}

const sameSignalMs = 1000;

/**
 * Runs a process: starts it, waits for SIGTERM or SIGINT, closes what was opened and exits.
 * A second signal, a second or more later, ends the process at once. Exit codes: 0 closed properly; 1 start failed, closing failed or an
 * error was caught nowhere; 130 ended by a second signal.
 */
export async function runUntilSignal({ logger, start, closeWithinMs = 10_000 }: RunOptions): Promise<never> {
  const closers = createClosers(logger);
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    let signalledAt = 0;
    const onSignal = (signal: NodeJS.Signals) => {
      if (stop.signal.aborted) {
        // One Ctrl-C comes twice: from the terminal, and from npm, which passes its own on.
        if (performance.now() - signalledAt < sameSignalMs) return;
        logger.warn({ signal }, 'second signal, ending at once');
        process.exit(130);
      }
      signalledAt = performance.now();
      logger.info({ signal }, 'closing');
      stop.abort(new Error(`stopped by ${signal}`));
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
  process.on('uncaughtException', (error, origin) => {
    logger.fatal({ error, origin }, 'an error was caught nowhere');
    process.exit(1);
  });

  let exitCode = 0;
  try {
    await start(closers, stop.signal);
    await stopped;
  } catch (error) {
    if (stop.signal.aborted) {
      logger.info({ error }, 'stopped while starting');
    } else {
      logger.fatal({ error }, 'start failed');
      exitCode = 1;
    }
  }
  const clean = await closers.close(closeWithinMs);
  process.exit(clean ? exitCode : 1);
}
