import { Code, ConnectError, type CallOptions } from '@connectrpc/connect';
import { sleep } from '@parley/runtime';
import type { Session } from './session.ts';

/** The server ends a stream in an hour; this comes back by itself. */
const streamMs = 3_600_000;
const firstPauseMs = 500;
const longestPauseMs = 10_000;
/** Without a message for so long it gives up. */
const patienceMs = 120_000;
const passing: readonly Code[] = [
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Aborted,
  Code.ResourceExhausted,
];

/**
 * Gives each message of a stream to `take` until Ctrl-C. A stream that is lost or over is opened again, with the token of
 * the last message. @throws ConnectError of what does not pass by itself, or when nothing is heard for two minutes.
 */
export async function followStream<Message extends { readonly resumeToken: string }>(
  session: Session,
  open: (resumeToken: string, call: CallOptions) => AsyncIterable<Message>,
  take: (message: Message) => void,
): Promise<void> {
  let resumeToken = '';
  let heardAt = performance.now();
  let pauseMs = firstPauseMs;
  while (!session.signal.aborted) {
    try {
      for await (const message of open(resumeToken, { signal: session.signal, timeoutMs: streamMs })) {
        ({ resumeToken } = message);
        heardAt = performance.now();
        pauseMs = firstPauseMs;
        take(message);
      }
    } catch (error) {
      if (session.signal.aborted) break;
      const { code, rawMessage } = ConnectError.from(error);
      if (!passing.includes(code) || performance.now() - heardAt > patienceMs) throw error;
      session.stderr.write(`The stream was lost (${rawMessage}); trying again.\n`);
    }
    // Cut short by Ctrl-C, which ends the loop.
    await sleep(pauseMs, session.signal).catch(() => undefined);
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
  }
}
