import { createClient } from '@connectrpc/connect';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import { Code, ConnectError } from '@connectrpc/connect';
import { generateHistory, generateLive, type DemoLine } from '@parley/demo';
import { importEvents, parseLine, type ImportTarget, type Line } from '@parley/import';
import { createTransportTo } from '@parley/rpc';
import { sleep, type Logger, type Now } from '@parley/runtime';

export interface DemoOptions {
  readonly url: string;
  readonly operatorKey: string;
  /** The demo tenant's key from an earlier start. */
  readonly demoKey: string | undefined;
  readonly now: Now;
  readonly logger: Logger;
}

export interface Demo {
  /** The demo tenant's key. */
  readonly key: string;
  /** Resolves when the history is in, or could not be brought in, which is logged. */
  readonly filled: Promise<void>;
  /** Ends the traffic; resolves when nothing of it is under way. */
  close(): Promise<void>;
}

export const demoTenant = 'demo';

const seed = 1;
const historyDays = 14;
const conversationsPerDay = 200;
const dayMs = 86_400_000;
/** How long the figures may take to hold the history. */
const fillTimeoutMs = 60_000;
/** How late a line may be sent: due lines are gathered into one call. */
const gatherMs = 500;
/** What one call takes; what could not be sent for longer is left out. */
const mostEvents = 1000;

/**
 * Makes the demo tenant, once, with two weeks of invented history, and lets members speak to its bots until it is
 * closed. All of it goes through the same calls as anybody's events.
 */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { logger, now } = options;
  const { key, isNew } = await demoTenantKey(options);
  const transport = createTransportTo({ baseUrl: options.url, credential: key, retry: { attempts: 20 } });
  const client = createClient(IngestionService, transport);
  const metrics = createClient(MetricsService, transport);
  const stop = new AbortController();
  const startedAt = now();

  const fill = async (): Promise<void> => {
    if (isNew) {
      const target: ImportTarget = { client, currency: 'USD' };
      const lines = generateHistory({
        seed,
        tenant: demoTenant,
        from: new Date(startedAt.getTime() - historyDays * dayMs),
        to: startedAt,
        conversationsPerDay,
      });
      const { accepted, rejected, positions } = await importEvents(asLines(lines), {
        targetOf: () => Promise.resolve(target),
        callOptions: { signal: stop.signal },
      });
      for (const minPosition of positions.get(target) ?? []) {
        await metrics.getOperationalKpis({ minPosition }, { signal: stop.signal, timeoutMs: fillTimeoutMs });
      }
      logger.info({ accepted, rejected }, 'the demo tenant has its history');
    }
  };
  const speak = async (): Promise<void> => {
    let due: Event[] = [];
    const send = async (): Promise<void> => {
      const events = due.slice(-mostEvents);
      if (events.length === 0) return;
      try {
        await client.recordEvents({ events }, { signal: stop.signal });
        due = [];
      } catch (error) {
        // Sent again with the next ones: what was taken after all is recognised.
        if (!stop.signal.aborted) logger.warn({ error, waiting: events.length }, 'demo traffic has to wait');
      }
    };
    for (const { line, at } of generateLive({ seed, tenant: demoTenant, from: startedAt })) {
      const waitMs = at - now().getTime();
      if (waitMs > gatherMs) {
        await send();
        await sleep(waitMs, stop.signal);
      }
      if (stop.signal.aborted) return;
      due.push(parseLine(JSON.stringify(line), { defaultCurrency: 'USD' }).event);
    }
  };
  const logFailure = (error: unknown): void => {
    if (!stop.signal.aborted) logger.warn({ error }, 'the demo traffic has ended');
  };
  const filled = fill().catch(logFailure);
  const running = filled.then(speak).catch(logFailure);
  return {
    key,
    filled,
    close: async () => {
      stop.abort();
      transport.close();
      await running;
    },
  };
}

async function demoTenantKey({
  url,
  operatorKey,
  demoKey,
}: DemoOptions): Promise<{ key: string; isNew: boolean }> {
  const operator = createTransportTo({ baseUrl: url, credential: operatorKey });
  const asTenant = createTransportTo({ baseUrl: url, credential: operatorKey, tenant: demoTenant });
  try {
    try {
      const { key } = await createClient(TenantService, operator).createTenant({ name: demoTenant });
      return { key, isNew: true };
    } catch (error) {
      if (ConnectError.from(error).code !== Code.AlreadyExists) throw error;
    }
    if (demoKey !== undefined) return { key: demoKey, isNew: false };
    // Made by a start on another folder, which has its key.
    const { key } = await createClient(TenantService, asTenant).createApiKey({
      displayName: 'demo',
      scopes: [Scope.ADMIN],
    });
    return { key, isNew: false };
  } finally {
    operator.close();
    asTenant.close();
  }
}

function* asLines(lines: Iterable<DemoLine>): Generator<Line> {
  let number = 0;
  for (const line of lines) yield { number: (number += 1), text: JSON.stringify(line), bytesRead: 0 };
}
