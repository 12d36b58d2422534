import { toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Client } from '@connectrpc/connect';
import { EventSchema, type Event } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome, IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { createTransportTo } from '@parley/rpc';
import { eventKeyName } from './event-key-name.ts';
import type { Ledger, LedgerAnswer } from './ledger.ts';
import { createRandom, integerIn } from './seeded-random.ts';

export interface LoadOptions {
  readonly url: string;
  readonly operatorKey: string;
  readonly tenant: string;
  readonly events: readonly Event[];
  readonly ledger: Ledger;
  readonly seed: number;
}

export interface LoadReport {
  /** Calls that ended without an answer, and were made again. */
  readonly unanswered: number;
  /** How often each code ended a call. */
  readonly codes: Readonly<Record<string, number>>;
  /** What includes all of them includes every event that was taken. */
  readonly positions: readonly string[];
  /** The longest time without an answer to anybody, in ms. */
  readonly longestSilenceMs: number;
}

const workers = 6;
const mostInBatch = 30;
const callMs = 5_000;
/** When a client gives up; far beyond what any recovery may take. */
const patienceMs = 120_000;

/**
 * Sends the events by several clients, in small calls with pauses, and makes each call again until it is answered. A part
 * of what was answered is sent once more.
 */
export async function load({
  url,
  operatorKey,
  tenant,
  events,
  ledger,
  seed,
}: LoadOptions): Promise<LoadReport> {
  const random = createRandom(seed);
  const codes = new Map<string, number>();
  const positions: string[] = [];
  let unanswered = 0;
  let next = 0;
  let answeredAt = performance.now();
  let longestSilenceMs = 0;

  const call = async (client: Client<typeof IngestionService>, batch: readonly Event[]): Promise<string> => {
    const until = performance.now() + patienceMs;
    for (;;) {
      try {
        const { results, position } = await client.recordEvents({ events: [...batch] });
        longestSilenceMs = Math.max(longestSilenceMs, performance.now() - answeredAt);
        answeredAt = performance.now();
        batch.forEach((event, index) => {
          const answer = answers[results[index]?.outcome ?? EventOutcome.UNSPECIFIED];
          if (answer === undefined) throw new Error(`No outcome for ${eventKeyName(event)}.`);
          ledger.answered(eventKeyName(event), answer, Date.now());
        });
        return position;
      } catch (error) {
        const { code } = ConnectError.from(error);
        codes.set(Code[code], (codes.get(Code[code]) ?? 0) + 1);
        unanswered += 1;
        if (!repeatable.has(code) || performance.now() > until) throw error;
        await pause(20 + random() * 80);
      }
    }
  };

  const work = async (): Promise<void> => {
    const transport = createTransportTo({
      baseUrl: url,
      credential: operatorKey,
      tenant,
      retry: false,
      defaultTimeoutMs: callMs,
    });
    const client = createClient(IngestionService, transport);
    let position = '';
    try {
      while (next < events.length) {
        const size = integerIn(random, 1, mostInBatch);
        const batch = events.slice(next, next + size);
        next += size;
        for (const event of batch) ledger.sent(eventKeyName(event), toBinary(EventSchema, event));
        position = await call(client, batch);
        if (random() < 0.1) position = await call(client, batch.slice(0, 3));
        await pause(random() * 40);
      }
    } finally {
      transport.close();
      if (position !== '') positions.push(position);
    }
  };

  await Promise.all(Array.from({ length: workers }, work));
  return {
    unanswered,
    codes: Object.fromEntries([...codes].sort()),
    positions,
    longestSilenceMs: Math.round(longestSilenceMs),
  };
}

const answers: Readonly<Partial<Record<EventOutcome, LedgerAnswer>>> = {
  [EventOutcome.ACCEPTED]: 'accepted',
  [EventOutcome.DUPLICATE]: 'duplicate',
  [EventOutcome.CONFLICT]: 'rejected',
  [EventOutcome.REJECTED]: 'rejected',
};

/** What a client may meet while something is down. Anything else is a fault of the service. */
const repeatable: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
]);

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
