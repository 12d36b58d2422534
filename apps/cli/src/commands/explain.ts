import { once } from 'node:events';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  MetricsService,
  type ExplainKpiResponse,
  type KpiRow,
} from '@parley/contracts/parley/metrics/v1/metrics_service';
import { stringify } from 'csv-stringify/sync';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { contextJson, figureName, kpiValueJson } from '../kpi-json.ts';
import { printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { windowOf } from '../window.ts';
import { scopeOf, shown, type KpisOptions } from './kpis.ts';

export interface ExplainOptions extends KpisOptions {
  readonly limit?: string;
  readonly csv?: boolean;
}

const pageSize = 1_000;
const shownRows = 20;

/** `parley explain`: a figure, and the rows behind it, the latest first. JSON and CSV tell all of them, page by page. */
export async function explainCommand(
  session: Session,
  kpi: string,
  options: ExplainOptions,
): Promise<ExitCode> {
  if (options.csv && options.json) throw new UsageError('Give --csv or --json, not both.');
  const limit = limitOf(options);
  const pages = pagesOf(session, kpi, options, limit);
  if (options.csv) await writeCsv(session, pages);
  else if (options.json) await writeJson(session, pages);
  else for await (const page of pages) printPage(session, page);
  return exitCode.done;
}

function limitOf({ limit, csv, json }: ExplainOptions): number {
  if (limit === undefined) return csv || json ? Infinity : shownRows;
  if (!/^[1-9]\d{0,8}$/.test(limit))
    throw new UsageError(`--limit is a whole number from 1 on; not ${limit}.`);
  return Number(limit);
}

async function* pagesOf(
  session: Session,
  kpi: string,
  options: ExplainOptions,
  limit: number,
): AsyncGenerator<ExplainKpiResponse> {
  const client = session.client(MetricsService, 'metrics', options.tenant);
  const scope = scopeOf(options);
  const window = await windowOf(session, options.tenant, options);
  for (let [told, pageToken] = [0, '']; ;) {
    const page = await client.explainKpi(
      { kpi, scope, window, pageSize: Math.min(pageSize, limit - told), pageToken },
      { signal: session.signal },
    );
    yield page;
    told += page.rows.length;
    pageToken = page.nextPageToken;
    if (pageToken === '' || told >= limit) return;
  }
}

/** One line of JSON, written as it comes: there may be a million rows. */
async function writeJson({ stdout }: Session, pages: AsyncIterable<ExplainKpiResponse>): Promise<void> {
  let isFirst = true;
  for await (const page of pages) {
    const rows = page.rows.map((row) => JSON.stringify(rowJson(row))).join(',');
    if (isFirst) {
      const { value, rowCount, rowSum, rowKind, context } = page;
      const head = {
        count: Number(rowCount),
        sum: rowSum,
        row_kind: rowKind,
        ...(value && { value: kpiValueJson(value) }),
        ...contextJson(context),
      };
      await write(stdout, `${JSON.stringify(head).slice(0, -1)},"rows":[${rows}`);
    } else if (rows !== '') {
      await write(stdout, `,${rows}`);
    }
    isFirst = false;
  }
  await write(stdout, ']}\n');
}

async function writeCsv({ stdout }: Session, pages: AsyncIterable<ExplainKpiResponse>): Promise<void> {
  await write(stdout, `${columns.join(',')}\n`);
  for await (const { rows } of pages) await write(stdout, stringify(rows.map(rowJson), { columns }));
}

function printPage(
  { stdout }: Session,
  { value, rowCount, rowSum, rows, context }: ExplainKpiResponse,
): void {
  const { window, time_zone: timeZone, currency_code: currencyCode } = contextJson(context);
  stdout.write(`${window.from} to ${window.to}, days of ${timeZone}\n`);
  if (value !== undefined) {
    const { numerator, denominator } = value;
    const parts = denominator === 1 ? '' : `: ${numerator} by ${denominator}`;
    stdout.write(`${figureName('', value)} ${shown(value, currencyCode)}${parts}\n`);
  }
  stdout.write(`${rowCount} rows, which add up to ${rowSum}; the latest ${rows.length}:\n`);
  printTable(
    stdout,
    columns,
    rows.map((row) => Object.values(rowJson(row)).map(String)),
  );
}

/** A row as `--json` prints it. */
function rowJson({
  kind,
  eventKey,
  occurredAt,
  botId,
  groupId,
  intent,
  conversationId,
  amount,
  knownOn,
}: KpiRow) {
  return {
    kind,
    event_key: uuidText(eventKey),
    occurred_at: occurredAt ? timestampDate(occurredAt).toISOString() : '',
    bot_id: botId,
    group_id: groupId,
    intent,
    conversation_id: conversationId,
    amount,
    known_on: knownOn,
  };
}

const columns = [
  'kind',
  'event_key',
  'occurred_at',
  'bot_id',
  'group_id',
  'intent',
  'conversation_id',
  'amount',
  'known_on',
];

function uuidText(key: Uint8Array): string {
  return Buffer.from(key)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

async function write(stdout: Session['stdout'], text: string): Promise<void> {
  if (!stdout.write(text)) await once(stdout, 'drain');
}
