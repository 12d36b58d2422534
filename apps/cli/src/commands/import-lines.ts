import { timestampDate } from '@bufbuild/protobuf/wkt';
import { parseInstantOrDate, utc } from '@parley/calendar';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import {
  foreignFormats,
  lineFields,
  previewEvents,
  readForeignLines,
  readLines,
  type Line,
} from '@parley/import';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

/** How a file of another format is read. */
export interface ForeignLogOptions {
  readonly format?: string;
  readonly map?: readonly string[];
  readonly bot?: string;
  readonly startTime?: string;
  readonly dateOrder?: string;
  readonly encoding?: string;
}

/** The lines of a file, in the guide's field names, whatever its format. */
export function linesOf(file: AsyncIterable<Buffer>, options: ForeignLogOptions): AsyncGenerator<Line> {
  const { format, map = [], bot, startTime, dateOrder, encoding } = options;
  if (encoding !== undefined) requireEncoding(encoding);
  if (format === undefined || format === 'jsonl') {
    if (map.length > 0 || bot !== undefined || startTime !== undefined || dateOrder !== undefined) {
      throw new UsageError(
        `--map, --bot, --start-time and --date-order need --format ${names(foreignFormats)}.`,
      );
    }
    return readLines(file, encoding);
  }
  const known = foreignFormats.find((name) => name === format);
  if (known === undefined) {
    throw new UsageError(`--format takes jsonl, ${names(foreignFormats)}; not ${format}.`);
  }
  if (dateOrder !== undefined && dateOrder !== 'mdy' && dateOrder !== 'dmy') {
    throw new UsageError('--date-order takes mdy or dmy.');
  }
  return readForeignLines(file, {
    format: known,
    columns: new Map(map.map(parseMapping)),
    botId: bot,
    startTime: startTime === undefined ? undefined : parseInstantOrDate(startTime, utc, '--start-time'),
    dateOrder,
    encoding,
  });
}

function requireEncoding(label: string): void {
  try {
    new TextDecoder(label);
  } catch {
    throw new UsageError(`--encoding takes utf-8, utf-16le, windows-1252 and their kin; not ${label}.`);
  }
}

/** What `--dry-run` prints: the first events, and how many lines would be rejected and why. */
export async function previewCommand(
  session: Session,
  lines: AsyncIterable<Line>,
  json: boolean,
): Promise<ExitCode> {
  const preview = await previewEvents(lines, ({ line, reason, message }) => {
    session.stderr.write(`line ${line}: ${reason}: ${message}\n`);
  });
  const rows = preview.events.map(rowOf);
  if (json) {
    const { lines: count, valid, rejected, reasons } = preview;
    printJson(session.stdout, { lines: count, valid, rejected, reasons: Object.fromEntries(reasons), rows });
  } else {
    printTable(
      session.stdout,
      ['type', 'id', 'time', 'bot', 'member', 'conversation', 'message', 'response'],
      rows.map((row) => Object.values(row).map(shortened)),
    );
    const reasons = [...preview.reasons].map(([reason, count]) => `${reason} ${count}`).join(', ');
    session.stdout.write(
      `${preview.valid} would be sent, ${preview.rejected} rejected of ${preview.lines} lines` +
        `${reasons === '' ? '' : `: ${reasons}`}\nNothing was sent.\n`,
    );
  }
  return preview.rejected > 0 ? exitCode.incomplete : exitCode.done;
}

function rowOf({ eventId, occurredAt, payload: { case: type, value } }: Event) {
  const fields = new Map<string, unknown>(Object.entries(value ?? {}));
  const text = (...candidates: readonly string[]): string => {
    const found = candidates
      .map((name) => fields.get(name))
      .find((item) => typeof item === 'string' && item !== '');
    return typeof found === 'string' ? found : '';
  };
  return {
    type: type ?? '',
    id: eventId,
    timestamp: occurredAt === undefined ? '' : timestampDate(occurredAt).toISOString(),
    bot_id: text('botId'),
    member_id: text('memberId'),
    session_id: text('conversationId'),
    message_text: text('messageText', 'triggerMessage', 'comment'),
    response_text: text('responseText', 'botMessage'),
  };
}

const shownLength = 40;

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > shownLength ? `${line.slice(0, shownLength - 1)}…` : line;
}

function parseMapping(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw new UsageError(`--map takes field=column; not ${text}.`);
  const field = text.slice(0, at);
  if (!lineFields.includes(field)) {
    throw new UsageError(`--map: ${field} is no field. Fields are ${names(lineFields)}.`);
  }
  return [field, text.slice(at + 1)];
}

function names(list: readonly string[]): string {
  return list.join(', ');
}
