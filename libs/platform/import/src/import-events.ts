import { toBinary } from '@bufbuild/protobuf';
import type { CallOptions, Client } from '@connectrpc/connect';
import { EventSchema, type Event } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome, type IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { parseLine } from './parse-line.ts';
import { faultOf, tooLong, type Line } from './read-lines.ts';

/** Where one tenant's events go. */
export interface ImportTarget {
  /** The tenant that the operator acts for; undefined: the key's own. */
  readonly tenantName?: string | undefined;
  readonly client: Client<typeof IngestionService>;
  /** ISO 4217; for amounts whose line names no currency. */
  readonly currency: string;
}

export interface ImportOptions {
  /**
   * The target of the tenant that a line names, the same object each time, since batches are gathered by it. A DomainError
   * rejects the tenant's lines, anything else ends the import.
   */
  readonly targetOf: (tenantName: string | undefined) => Promise<ImportTarget>;
  /** Called once for every id that is committed: accepted or duplicate. */
  readonly onAcknowledged?: (eventIds: readonly string[]) => Promise<void> | void;
  readonly onRejected?: (rejection: Rejection) => void;
  readonly onProgress?: (summary: ImportSummary, bytesRead: number) => void;
  /** Calls under way at once, per import. Default 4: enough to keep the server's commits full. */
  readonly concurrency?: number;
  readonly callOptions?: CallOptions;
}

/** A line that was not taken. */
export interface Rejection {
  /** From 1. */
  readonly line: number;
  /** Machine-readable: `INVALID_JSON`, `INVALID_FIELDS`, `EVENT_CONFLICT` … */
  readonly reason: string;
  readonly message: string;
}

export interface ImportSummary {
  readonly lines: number;
  readonly accepted: number;
  readonly duplicates: number;
  /** Lines that were not taken, conflicts included. */
  readonly rejected: number;
  /** By target, opaque positions: what includes all of them includes every event that was taken. */
  readonly positions: ReadonlyMap<ImportTarget, readonly string[]>;
}

/** What the contract allows in one call, with some room for the message around the events. */
const maxBatchEvents = 1000;
const maxBatchBytes = 1000 * 1024;

/**
 * Sends lines as events, in batches, several at a time. It never stops at a bad line. A call that fails ends the import
 * with its error; sending the same lines again then completes it, since what was taken is recognised.
 */
export async function importEvents(
  lines: AsyncIterable<Line> | Iterable<Line>,
  options: ImportOptions,
): Promise<ImportSummary> {
  const { targetOf, onAcknowledged, onRejected, onProgress, concurrency = 4, callOptions } = options;
  const summary = {
    lines: 0,
    accepted: 0,
    duplicates: 0,
    rejected: 0,
    positions: new Map<ImportTarget, string[]>(),
  };
  const batches = new Map<ImportTarget, Batch>();
  const underWay = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let bytesRead = 0;

  const reject = (line: number, reason: string, message: string): void => {
    summary.rejected += 1;
    onRejected?.({ line, reason, message });
  };

  const send = async (target: ImportTarget, batch: Batch): Promise<void> => {
    const { results, position } = await target.client.recordEvents({ events: batch.events }, callOptions);
    const acknowledged: string[] = [];
    results.forEach((result, index) => {
      const line = batch.lines[index] ?? 0;
      switch (result.outcome) {
        case EventOutcome.ACCEPTED:
          summary.accepted += 1;
          acknowledged.push(result.eventId);
          break;
        case EventOutcome.DUPLICATE:
          summary.duplicates += 1;
          acknowledged.push(result.eventId);
          break;
        default:
          reject(line, result.reason, result.message);
      }
    });
    if (position !== '') {
      // The highest is among the last few answers: whatever was sent after it had come would be higher.
      const positions = [...(summary.positions.get(target) ?? []), position];
      summary.positions.set(target, positions.slice(-concurrency));
    }
    if (acknowledged.length > 0) await onAcknowledged?.(acknowledged);
    onProgress?.(summary, bytesRead);
  };

  const flush = async (target: ImportTarget): Promise<void> => {
    const batch = batches.get(target);
    batches.delete(target);
    if (!batch) return;
    while (underWay.size >= concurrency) await Promise.race(underWay);
    const call = send(target, batch)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => underWay.delete(call));
    underWay.add(call);
  };

  for await (const line of lines) {
    if (failure) break;
    summary.lines += 1;
    bytesRead = line.bytesRead;
    const parsed = await parse(line, targetOf);
    if ('reason' in parsed) {
      reject(line.number, parsed.reason, parsed.message);
      continue;
    }
    const { target, event, bytes } = parsed;
    let batch = batches.get(target);
    if (batch && (batch.events.length >= maxBatchEvents || batch.bytes + bytes > maxBatchBytes)) {
      await flush(target);
      batch = undefined;
    }
    batch ??= { events: [], lines: [], bytes: 0 };
    batches.set(target, batch);
    batch.events.push(event);
    batch.lines.push(line.number);
    batch.bytes += bytes;
  }
  for (const target of [...batches.keys()]) if (!failure) await flush(target);
  await Promise.all(underWay);
  if (failure) throw failure.error;
  onProgress?.(summary, bytesRead);
  return summary;
}

interface Batch {
  readonly events: Event[];
  readonly lines: number[];
  bytes: number;
}

type Parsed =
  | {
      readonly target: ImportTarget;
      readonly event: Event;
      readonly bytes: number;
    }
  | { readonly reason: string; readonly message: string };

async function parse(line: Line, targetOf: ImportOptions['targetOf']): Promise<Parsed> {
  if ('fault' in line) return line.fault;
  try {
    const parsed = await parseFor(line.text, targetOf);
    return parsed.bytes > maxBatchBytes ? tooLong : parsed;
  } catch (error) {
    return faultOf(error);
  }
}

/** Twice where the line's tenant counts in another currency: which one is known only when the tenant is. */
async function parseFor(text: string, targetOf: ImportOptions['targetOf']) {
  const parsed = parseLine(text, { defaultCurrency: 'USD' });
  const target = await targetOf(parsed.tenantName);
  const { event } =
    target.currency === 'USD' ? parsed : parseLine(text, { defaultCurrency: target.currency });
  // What the event adds to the message: its own bytes, its tag and its length.
  return { target, event, bytes: toBinary(EventSchema, event).length + 6 };
}
