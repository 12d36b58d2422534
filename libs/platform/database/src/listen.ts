import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@parley/runtime';
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { identifier } from './role.ts';

export interface ListenHandlers {
  /** One notification; called in order, must not throw. */
  readonly onPayload: (payload: string) => void;
  /**
   * True once notifications arrive, false when the connection was lost. What was notified in between is gone: after
   * each `true`, look for yourself, and while it is false, poll.
   */
  readonly onConnection: (isConnected: boolean) => void;
}

/** A subscription with a connection of its own, outside the pool. */
export interface Listener {
  close(): Promise<void>;
}

const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 5_000;

/** Listens on a channel until closed; reconnects with backoff for as long as it takes. Returns before it is connected. */
export function listen(
  config: ClientConfig,
  channel: string,
  handlers: ListenHandlers,
  logger: Logger,
): Listener {
  const statement = `listen ${identifier(channel)}`;
  const closing = new AbortController();
  let current: Client | undefined;

  const run = async (): Promise<void> => {
    for (
      let backoffMs = FIRST_BACKOFF_MS;
      !closing.signal.aborted;
      backoffMs = Math.min(backoffMs * 2, LAST_BACKOFF_MS)
    ) {
      const client = new Client(config);
      current = client;
      const lost = new Promise<unknown>((resolve) => {
        client.once('error', resolve);
        client.once('end', () => resolve(new Error('The connection has ended.')));
      });
      // An error can follow the first one, and without a listener it would end the process.
      client.on('error', () => undefined);
      client.on('notification', ({ payload }) => handlers.onPayload(payload ?? ''));
      let isConnected = false;
      try {
        await client.connect();
        await client.query(statement);
        isConnected = true;
        backoffMs = FIRST_BACKOFF_MS;
        handlers.onConnection(true);
        throw await lost;
      } catch (error) {
        if (!closing.signal.aborted)
          logger.warn({ error, channel, backoffMs }, 'not listening to the database');
      }
      if (isConnected) handlers.onConnection(false);
      await client.end();
      await sleep(backoffMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const running = run();

  return {
    close: async () => {
      closing.abort();
      await current?.end();
      await running;
    },
  };
}
