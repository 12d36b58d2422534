import process from 'node:process';
import type { QueuedEvent } from './event-queue.ts';
import { createConnectBatchTransport } from './connect-transport.ts';
import { createGrpcBatchTransport } from './grpc-transport.ts';
import { parseOptions, type DroppedEvent, type ParleyClientOptions } from './client-options.ts';
import { noCounts, type ClientStats } from './client-stats.ts';
import { Delivery } from './delivery.ts';
import { encodeEvent, toEvent } from './encode-event.ts';
import { systemEnvironment, type Environment } from './environment.ts';
import { weightOf } from './event-queue.ts';
import type * as input from './event-input.ts';
import { Spool } from './spool.ts';
import { createUuidV7 } from './uuid-v7.ts';

/** How long to wait. */
export interface Patience {
  /** In ms; 5,000 unless told. */
  readonly timeoutMs?: number;
}

/** Whether everything was delivered, and how much is left. */
export interface FlushResult {
  /** Every event that was recorded before the call has an answer. */
  readonly complete: boolean;
  /** Events still held; on disk, after `shutdown`. */
  readonly queued: number;
}

/**
 * Reports what a bot does. Every recording method takes microseconds, returns the event's id at once and never throws:
 * what can't be sent is counted and told to `onDrop`.
 */
export interface ParleyClient {
  /** A member's message to a bot, with the bot's answer where it is already known. */
  interaction(interaction: input.InteractionInput): string;
  /** What the bot answered to an interaction; returns the interaction's id. */
  complete(completion: input.CompletionInput): string;
  /** What came of an interaction. */
  conversion(conversion: input.ConversionInput): string;
  /** Money given back for a conversion. */
  refund(refund: input.RefundInput): string;
  /** A rating. */
  feedback(feedback: input.FeedbackInput): string;
  /** A conversation given to a human. */
  handoff(handoff: input.HandoffInput): string;
  /** What is known of a member. */
  member(member: input.MemberInput): string;
  /** What is known of a user. */
  user(user: input.UserInput): string;
  /** A unit that was shown a variant. */
  exposure(exposure: input.ExposureInput): string;
  /** A figure about a bot that was measured elsewhere. */
  botPerformanceMetric(metric: input.BotPerformanceMetricInput): string;
  /** Sends what is held now, without waiting for more. Never rejects; may be called at any time. */
  flush(patience?: Patience): Promise<FlushResult>;
  /**
   * Flushes and ends: for the end of the process. What is left then stays on disk, or is dropped where there is none. Never
   * rejects; a second call answers as the first.
   */
  shutdown(patience?: Patience): Promise<FlushResult>;
  stats(): ClientStats;
}

const defaultPatienceMs = 5000;
/** What the disk gets beyond that, for its last writes. */
const diskPatienceMs = 1000;

/** Opens a client. Throws a `RangeError` when an option is out of its range; nothing is connected yet. */
export function createParleyClient(
  options: ParleyClientOptions,
  environment: Environment = systemEnvironment,
): ParleyClient {
  const settings = parseOptions(options);
  const { optOut, contentMode, onDelivered, onDrop, onError, spill } = settings;
  const counts = noCounts();
  const newId = createUuidV7(environment.now, environment.randomBytes);

  const tellError = (error: unknown): void =>
    guard(() => onError?.(error instanceof Error ? error : new Error(String(error))));
  const drop = (dropped: DroppedEvent): void => {
    if (dropped.reason === 'rejected') counts.rejected += dropped.count;
    else if (dropped.reason === 'conflict') counts.conflicts += dropped.count;
    else counts.dropped += dropped.count;
    guard(() => onDrop?.(dropped));
  };

  const spool = spill && openSpool(spill);
  const target = { url: settings.url, key: settings.key };
  const delivery = new Delivery({
    settings,
    environment,
    transport:
      settings.transport === 'grpc' ? createGrpcBatchTransport(target) : createConnectBatchTransport(target),
    spool,
    counts,
    on: {
      error: tellError,
      delivered: ({ id, kind }, isDuplicate) => guard(() => onDelivered?.({ id, kind, isDuplicate })),
      drop: ({ id, kind }, reason, message) => drop({ id, kind, reason, message, count: 1 }),
    },
  });
  let closing: Promise<FlushResult> | undefined;

  function openSpool({ folder, maxBytes }: NonNullable<typeof spill>): Spool {
    return new Spool({
      folder,
      maxBytes,
      now: environment.now,
      monotonicMs: environment.monotonicMs,
      newId,
      on: {
        written: (count) => (counts.spilled += count),
        error: tellError,
        lost: (count) =>
          drop({ id: '', kind: undefined, reason: 'disk-failed', message: 'The disk failed.', count }),
        ready: () => delivery.pump(),
      },
    });
  }

  function record(kind: input.ReportedKind, told: input.EventIdentity, ownId: string | undefined): string {
    const id = ownId !== undefined && ownId !== '' ? ownId : newId();
    counts.recorded += 1;
    const refuse = (reason: DroppedEvent['reason'], message: string): string => {
      drop({ id, kind, reason, message, count: 1 });
      return id;
    };
    let bytes: Uint8Array;
    try {
      const event = toEvent(kind, id, told, { nowMs: environment.now(), contentMode });
      if (optOut && isOptedOut(() => optOut(event))) {
        counts.optedOut += 1;
        return id;
      }
      bytes = encodeEvent(event);
    } catch (error) {
      return refuse('invalid', error instanceof Error ? error.message : String(error));
    }
    if (closing) return refuse('shut-down', 'The client was shut down before.');
    const event: QueuedEvent = { id, kind, bytes, queuedAt: environment.monotonicMs() };
    if (weightOf(event) > settings.maxBatchBytes) {
      return refuse('too-large', `It has ${bytes.length} bytes; a call takes ${settings.maxBatchBytes}.`);
    }
    return delivery.add(event) ? id : refuse('queue-full', 'There is no room for it.');
  }

  /** One whose consent can't be told has not given it. */
  function isOptedOut(ask: () => boolean): boolean {
    try {
      return ask();
    } catch (error) {
      tellError(error);
      return true;
    }
  }

  async function close(timeoutMs: number): Promise<FlushResult> {
    const complete = await delivery.flush(timeoutMs);
    for (const { id, kind } of delivery.stop()) {
      drop({ id, kind, reason: 'shut-down', message: 'It was not delivered in time.', count: 1 });
    }
    if (spool) await bounded(diskPatienceMs, spool.close());
    return { complete, queued: delivery.queued };
  }

  return {
    interaction: (told) => record('interaction', told, told?.eventId),
    complete: (told) => record('completion', told, told?.interactionId),
    conversion: (told) => record('conversion', told, told?.eventId),
    refund: (told) => record('refund', told, told?.eventId),
    feedback: (told) => record('feedback', told, told?.eventId),
    handoff: (told) => record('handoff', told, told?.eventId),
    member: (told) => record('member', told, told?.eventId),
    user: (told) => record('user', told, told?.eventId),
    exposure: (told) => record('exposure', told, told?.eventId),
    botPerformanceMetric: (told) => record('botPerformanceMetric', told, told?.eventId),
    async flush({ timeoutMs = defaultPatienceMs } = {}) {
      if (closing) return closing;
      const complete = await delivery.flush(timeoutMs);
      return { complete, queued: delivery.queued };
    },
    shutdown: ({ timeoutMs = defaultPatienceMs } = {}) => (closing ??= close(timeoutMs)),
    stats: () => ({ ...counts, queued: delivery.queued, queuedBytes: delivery.queuedBytes }),
  };
}

/** Runs a hook of the caller's; what it throws is told as a warning of the process, since there is nobody else. */
function guard(hook: () => void): void {
  try {
    hook();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}

async function bounded(ms: number, what: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([what, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))]);
  } finally {
    clearTimeout(timer);
  }
}
