import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import {
  CollectionService,
  FileFormat,
  RecordKind,
} from '@parley/contracts/parley/ingestion/v1/collection_service';
import { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { boundsOf } from '../window.ts';

export interface ExportCommandOptions {
  readonly kind: string;
  readonly format: string;
  readonly tenant?: string;
  readonly bot?: string;
  readonly group?: string;
  readonly member?: string;
  readonly from?: string;
  readonly to?: string;
  readonly timeZone?: string;
  readonly output?: string;
}

const kinds: Readonly<Record<string, RecordKind>> = {
  interactions: RecordKind.INTERACTIONS,
  conversions: RecordKind.CONVERSIONS,
  feedback: RecordKind.FEEDBACK,
};
const formats: Readonly<Record<string, FileFormat>> = { csv: FileFormat.CSV, jsonl: FileFormat.JSONL };

/** As long as a stream may last. */
const exportTimeoutMs = 24 * 3_600_000;
const progressEveryMs = 250;

/** `parley export`: a file appears under its name only once it is whole. */
export async function exportCommand(session: Session, options: ExportCommandOptions): Promise<ExitCode> {
  const { tenant, output } = options;
  const kind = oneOf(kinds, options.kind, '--kind');
  const format = oneOf(formats, options.format, '--format');
  const bounds = await boundsOf(session, tenant, options);
  const answers = session.client(CollectionService, 'ingestion', tenant).exportRecords(
    {
      kind,
      format,
      botId: options.bot ?? '',
      groupId: options.group ?? '',
      memberId: options.member ?? '',
      ...bounds,
    },
    { signal: session.signal, timeoutMs: exportTimeoutMs },
  );
  await writeAnswers(session, answers, output);
  return exitCode.done;
}

export interface ExportMemberOptions {
  readonly member: string;
  readonly tenant?: string;
  readonly output?: string;
}

/** `parley export-member`: everything that is kept about a member, as JSON lines. */
export async function exportMemberCommand(
  session: Session,
  { member, tenant, output }: ExportMemberOptions,
): Promise<ExitCode> {
  const answers = session
    .client(PrivacyService, 'ingestion', tenant)
    .exportMember({ memberId: member }, { signal: session.signal, timeoutMs: exportTimeoutMs });
  await writeAnswers(session, answers, output);
  return exitCode.done;
}

/** Writes what comes to standard output, or to a file that appears under its name only once it is whole. */
async function writeAnswers(
  session: Session,
  answers: AsyncIterable<{ readonly lines: Uint8Array }>,
  output: string | undefined,
): Promise<void> {
  const progress = startProgress(session, output !== undefined);
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for await (const { lines } of answers) {
      progress.add(lines);
      yield lines;
    }
  };
  try {
    if (output === undefined) await pipeline(chunks, unended(session.stdout));
    else await writeFile(output, Readable.from(chunks(), { objectMode: false }));
  } finally {
    progress.stop();
  }
}

async function writeFile(file: string, bytes: Readable): Promise<void> {
  const unfinished = `${file}.part`;
  try {
    await pipeline(
      bytes,
      file.endsWith('.gz') ? createGzip() : new PassThrough(),
      createWriteStream(unfinished),
    );
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Takes the end of a pipeline without ending the process's own stream. */
function unended(out: Writable): (chunks: AsyncIterable<Uint8Array>) => Promise<void> {
  return async (chunks) => {
    for await (const chunk of chunks) {
      await new Promise<void>((resolve, reject) => {
        out.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
    }
  };
}

/** How much has come, on a terminal alone, and only while the file itself does not go there. */
function startProgress({ stderr, now }: Session, isFile: boolean) {
  const isShown = isFile && stderr.isTTY === true;
  let bytes = 0;
  let shownAt = 0;
  return {
    add(chunk: Uint8Array): void {
      bytes += chunk.length;
      if (!isShown || now().getTime() - shownAt < progressEveryMs) return;
      shownAt = now().getTime();
      stderr.write(`\r${(bytes / 1024 / 1024).toFixed(1)} MiB`);
    },
    stop(): void {
      if (isShown) stderr.write(`\r${(bytes / 1024 / 1024).toFixed(1)} MiB\n`);
    },
  };
}

function oneOf<Value>(known: Readonly<Record<string, Value>>, name: string, option: string): Value {
  const value = Object.hasOwn(known, name) ? known[name] : undefined;
  if (value === undefined)
    throw new UsageError(`${option} takes ${Object.keys(known).join(', ')}; not ${name}.`);
  return value;
}
