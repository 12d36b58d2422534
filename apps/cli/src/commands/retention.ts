import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import {
  DataClass,
  PrivacyService,
  type PrivacySettings,
  type RetentionCount,
  type RetentionRun,
} from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

export interface RetentionOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

export interface SetRetentionOptions extends RetentionOptions {
  readonly content?: string;
  readonly quarantine?: string;
  readonly raw?: string;
}

const classNames = new Map<DataClass, string>([
  [DataClass.RAW, 'raw'],
  [DataClass.CONTENT, 'content'],
  [DataClass.QUARANTINE, 'quarantine'],
]);
/** A first preview goes through the whole log. */
const previewTimeoutMs = 3_600_000;

/** `parley retention show`. */
export async function showRetentionCommand(session: Session, options: RetentionOptions): Promise<ExitCode> {
  const { settings } = await session
    .client(PrivacyService, 'ingestion', options.tenant)
    .getPrivacySettings({}, { signal: session.signal });
  printLimits(session, settings, options);
  return exitCode.done;
}

/** `parley retention set`: a class that is not named stays as it is. */
export async function setRetentionCommand(session: Session, options: SetRetentionOptions): Promise<ExitCode> {
  const changes = new Map<DataClass, number>();
  for (const [dataClass, text] of [
    [DataClass.CONTENT, options.content],
    [DataClass.QUARANTINE, options.quarantine],
    [DataClass.RAW, options.raw],
  ] as const) {
    if (text !== undefined) changes.set(dataClass, daysOf(text));
  }
  if (changes.size === 0) throw new UsageError('Say one or more of --content, --quarantine and --raw.');
  const client = session.client(PrivacyService, 'ingestion', options.tenant);
  const before = await client.getPrivacySettings({}, { signal: session.signal });
  const limits = new Map(before.settings?.retentions.map(({ dataClass, days }) => [dataClass, days]));
  for (const [dataClass, days] of changes) limits.set(dataClass, days);
  const { settings } = await client.updatePrivacySettings(
    {
      settings: { retentions: Array.from(limits, ([dataClass, days]) => ({ dataClass, days })) },
      updateMask: { paths: ['retentions'] },
    },
    { signal: session.signal },
  );
  printLimits(session, settings, options);
  return exitCode.done;
}

/** `parley retention preview`. */
export async function previewRetentionCommand(
  session: Session,
  { tenant, json }: RetentionOptions,
): Promise<ExitCode> {
  const { counts } = await session
    .client(PrivacyService, 'ingestion', tenant)
    .previewRetention({}, { signal: session.signal, timeoutMs: previewTimeoutMs });
  const told = counts.map(countJson);
  if (json) printJson(session.stdout, { counts: told });
  else {
    printTable(
      session.stdout,
      ['class', 'rows', 'received before'],
      told.map((count) => [count.data_class, String(count.row_count), count.received_before ?? '']),
    );
  }
  return exitCode.done;
}

/** `parley retention runs`. */
export async function listRetentionRunsCommand(
  session: Session,
  { tenant, json }: RetentionOptions,
): Promise<ExitCode> {
  const client = session.client(PrivacyService, 'ingestion', tenant);
  const runs: RetentionRun[] = [];
  for (let pageToken = ''; ;) {
    const page = await client.listRetentionRuns({ pageToken }, { signal: session.signal });
    runs.push(...page.runs);
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  const told = runs.map(({ startedAt, completedAt, counts }) => ({
    started_at: instant(startedAt),
    completed_at: instant(completedAt),
    counts: counts.map(countJson),
  }));
  if (json) printJson(session.stdout, { runs: told });
  else {
    printTable(
      session.stdout,
      ['started', 'completed', 'removed'],
      told.map((run) => [
        run.started_at ?? '',
        run.completed_at ?? 'running',
        run.counts.map((count) => `${count.data_class} ${count.row_count}`).join(', '),
      ]),
    );
  }
  return exitCode.done;
}

function daysOf(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new UsageError(`Days must be a whole number; not ${text}.`);
  return Number(text);
}

function printLimits(session: Session, settings: PrivacySettings | undefined, { json }: RetentionOptions) {
  const limits = (settings?.retentions ?? []).map(({ dataClass, days }) => ({
    data_class: classNames.get(dataClass) ?? 'unknown',
    days,
  }));
  if (json) printJson(session.stdout, { retentions: limits });
  else if (limits.length === 0) session.stdout.write('Everything is kept without limit.\n');
  else {
    printTable(
      session.stdout,
      ['class', 'days'],
      limits.map(({ data_class, days }) => [data_class, String(days)]),
    );
  }
}

function countJson({ dataClass, rowCount, receivedBefore }: RetentionCount) {
  return {
    data_class: classNames.get(dataClass) ?? 'unknown',
    row_count: Number(rowCount),
    received_before: instant(receivedBefore),
  };
}

function instant(at: Timestamp | undefined): string | null {
  return at === undefined ? null : timestampDate(at).toISOString();
}
