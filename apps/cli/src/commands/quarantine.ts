import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fromBinary, fromJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { EventKind, EventSchema, type Event } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome, type EventResult } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import {
  QuarantineService,
  type QuarantinedEvent,
} from '@parley/contracts/parley/ingestion/v1/quarantine_service';
import { eventJson } from '../event-json.ts';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

export interface QuarantineOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

export interface ListOptions extends QuarantineOptions {
  readonly reason?: string;
  readonly limit?: string;
}

export interface ReplayOptions extends QuarantineOptions {
  readonly all?: boolean;
  readonly reason?: string;
}

const pageSize = 500;
/** Replays at a time: enough to fill a group commit, few enough for any server. */
const replaysAtOnce = 16;

/** `parley quarantine list`. */
export async function listQuarantineCommand(session: Session, options: ListOptions): Promise<ExitCode> {
  const { tenant, reason = '', limit: limitText = '100', json } = options;
  if (!/^[1-9]\d{0,6}$/.test(limitText)) throw new UsageError('--limit must be a whole number above 0.');
  const limit = Number(limitText);
  const listed: ReturnType<typeof entryJson>[] = [];
  for await (const event of eventsIn(session, tenant, reason)) {
    listed.push(entryJson(event));
    if (listed.length === limit) break;
  }
  if (json) printJson(session.stdout, { quarantined_events: listed });
  else {
    printTable(
      session.stdout,
      ['id', 'received', 'reason', 'kind', 'event', 'message'],
      listed.map((it) => [
        it.quarantine_id,
        it.received_at ?? '',
        it.reason,
        it.kind,
        it.event_id,
        it.message,
      ]),
    );
  }
  return exitCode.done;
}

/** `parley quarantine show ID`: with its content, which can be corrected and given to `fix`. */
export async function showQuarantinedCommand(
  session: Session,
  quarantineId: string,
  { tenant, json }: QuarantineOptions,
): Promise<ExitCode> {
  const { quarantinedEvent } = await session
    .client(QuarantineService, 'ingestion', tenant)
    .getQuarantinedEvent({ quarantineId }, { signal: session.signal });
  if (quarantinedEvent === undefined) throw new Error('The answer holds no event.');
  const { body } = quarantinedEvent;
  const event = quarantinedEvent.event ?? readEvent(body);
  const shown = {
    ...entryJson(quarantinedEvent),
    event: event === undefined ? null : eventJson(event),
    body: Buffer.from(body).toString('base64'),
  };
  if (json) printJson(session.stdout, shown);
  else session.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  return exitCode.done;
}

/** `parley quarantine fix ID FILE`: records the event that the file holds in its place. */
export async function fixQuarantinedCommand(
  session: Session,
  quarantineId: string,
  file: string,
  { tenant, json }: QuarantineOptions,
): Promise<ExitCode> {
  const event = parseEvent(file === '-' ? await text(session.stdin) : await readFile(file, 'utf8'));
  const result = await replay(session, tenant, quarantineId, event);
  tell(session, quarantineId, result, json);
  return isRecorded(result) ? exitCode.done : exitCode.incomplete;
}

/** `parley quarantine replay ID…` or `--all`: records events again as they came; several at a time. */
export async function replayQuarantineCommand(
  session: Session,
  ids: readonly string[],
  { tenant, all, reason, json }: ReplayOptions,
): Promise<ExitCode> {
  if (ids.length > 0 === (all === true)) throw new UsageError('Give ids, or --all.');
  if (reason !== undefined && all !== true) throw new UsageError('--reason needs --all.');
  if (all !== true) {
    let code: ExitCode = exitCode.done;
    for (const id of ids) {
      const result = await replay(session, tenant, id);
      tell(session, id, result, json);
      if (!isRecorded(result)) code = exitCode.incomplete;
    }
    return code;
  }
  // All are named before the first is replayed, so that it is known how many there are.
  const waiting: string[] = [];
  for await (const { quarantineId } of eventsIn(session, tenant, reason ?? '')) waiting.push(quarantineId);
  const total = waiting.length;
  const counts = { accepted: 0, duplicate: 0, conflict: 0, rejected: 0 };
  let done = 0;
  const work = async (): Promise<void> => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      counts[outcomeName(await replay(session, tenant, id))] += 1;
      done += 1;
      if (session.stderr.isTTY === true && done % 100 === 0) session.stderr.write(`\r${done} of ${total}`);
    }
  };
  await Promise.all(Array.from({ length: replaysAtOnce }, work));
  if (session.stderr.isTTY === true && total >= 100) session.stderr.write('\n');
  if (json) printJson(session.stdout, { total, ...counts });
  else {
    const told = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
    session.stdout.write(`${total} replayed: ${told.join(', ')}.\n`);
  }
  return counts.conflict + counts.rejected === 0 ? exitCode.done : exitCode.incomplete;
}

/** `parley quarantine discard ID…`. */
export async function discardQuarantinedCommand(
  session: Session,
  ids: readonly string[],
  { tenant, json }: QuarantineOptions,
): Promise<ExitCode> {
  const client = session.client(QuarantineService, 'ingestion', tenant);
  for (const quarantineId of ids) {
    await client.discardQuarantinedEvent({ quarantineId }, { signal: session.signal });
  }
  if (json) printJson(session.stdout, { discarded: ids });
  else session.stdout.write(`${ids.length} discarded.\n`);
  return exitCode.done;
}

async function* eventsIn(
  session: Session,
  tenant: string | undefined,
  reason: string,
): AsyncGenerator<QuarantinedEvent> {
  const client = session.client(QuarantineService, 'ingestion', tenant);
  for (let pageToken = ''; ;) {
    const page = await client.listQuarantinedEvents(
      { pageToken, reason, pageSize },
      { signal: session.signal },
    );
    yield* page.quarantinedEvents;
    pageToken = page.nextPageToken;
    if (pageToken === '') return;
  }
}

async function replay(
  session: Session,
  tenant: string | undefined,
  quarantineId: string,
  event?: Event,
): Promise<EventResult> {
  const { result } = await session
    .client(QuarantineService, 'ingestion', tenant)
    .replayQuarantinedEvent({ quarantineId, ...(event && { event }) }, { signal: session.signal });
  if (result === undefined) throw new Error('The answer does not say what became of the event.');
  return result;
}

/** The event, where its bytes can be read: the answer leaves out one that holds what JSON has not. */
function readEvent(body: Uint8Array): Event | undefined {
  try {
    return fromBinary(EventSchema, body, { readUnknownFields: false, recursionLimit: 32 });
  } catch {
    // That they can't is why they are in quarantine.
    return undefined;
  }
}

function parseEvent(json: string): Event {
  try {
    const value: unknown = JSON.parse(json);
    // What `show --json` prints is taken as it is, with the event in it.
    const event = typeof value === 'object' && value !== null && 'event' in value ? value.event : value;
    return fromJson(EventSchema, event as Parameters<typeof fromJson>[1]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`The file holds no event as JSON: ${why}`);
  }
}

function outcomeName({ outcome }: EventResult): 'accepted' | 'duplicate' | 'conflict' | 'rejected' {
  switch (outcome) {
    case EventOutcome.ACCEPTED:
      return 'accepted';
    case EventOutcome.DUPLICATE:
      return 'duplicate';
    case EventOutcome.CONFLICT:
      return 'conflict';
    default:
      return 'rejected';
  }
}

function isRecorded({ outcome }: EventResult): boolean {
  return outcome === EventOutcome.ACCEPTED || outcome === EventOutcome.DUPLICATE;
}

function tell(session: Session, quarantineId: string, result: EventResult, json: boolean | undefined): void {
  const outcome = outcomeName(result);
  const { eventId, reason, message } = result;
  if (json) {
    printJson(session.stdout, {
      quarantine_id: quarantineId,
      outcome,
      event_id: eventId,
      reason,
      message,
    });
  } else session.stdout.write(`${quarantineId} ${outcome}${message === '' ? '' : `: ${message}`}\n`);
}

const kindNames = new Map<number, string>(
  Object.entries(EventKind).map(([name, number]) => [number, name.toLowerCase()]),
);

function entryJson({
  quarantineId,
  receivedAt,
  eventId,
  kind,
  reason,
  message,
  fieldViolations,
}: QuarantinedEvent) {
  return {
    quarantine_id: quarantineId,
    received_at: receivedAt ? timestampDate(receivedAt).toISOString() : null,
    event_id: eventId,
    kind: kindNames.get(kind) ?? 'unknown',
    reason,
    message,
    field_violations: fieldViolations.map(({ field, description }) => ({ field, description })),
  };
}
