import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { malformed, readOpenAi, readShareGpt, type ChatInteractions } from './chat-record.ts';
import type { ForeignOptions } from './foreign-format.ts';
import { foreignInstant } from './foreign-instant.ts';
import { readLangfuse } from './langfuse-record.ts';
import { peek, readBytes } from './read-bytes.ts';
import { readCsv } from './read-csv.ts';
import { faultOf, type Fault, type Line } from './read-lines.ts';
import { readJsonRecords, type ForeignRecord } from './read-records.ts';
import { readTableRow } from './table-row.ts';

/**
 * The lines of a log in another format, as lines in the guide's field names, for `importEvents`. Several have the number
 * of the line on which their conversation begins. A record that can't be read is given as a fault, and the next is read.
 */
export async function* readForeignLines(
  source: AsyncIterable<Buffer>,
  options: ForeignOptions,
): AsyncGenerator<Line> {
  const { chunks, bytesRead } = readBytes(source, options.encoding);
  const { records, decimalSeparator } = await openRecords(chunks, options);
  for await (const record of records) {
    const { number } = record;
    if ('fault' in record) {
      yield { number, bytesRead: bytesRead(), fault: record.fault };
      continue;
    }
    const lines = toLines(record.fields, decimalSeparator, options);
    if ('reason' in lines) yield { number, bytesRead: bytesRead(), fault: lines };
    else for (const line of lines) yield { number, text: JSON.stringify(line), bytesRead: bytesRead() };
  }
}

interface OpenedRecords {
  readonly records: AsyncIterable<ForeignRecord>;
  /** A comma in tables of semicolons, as spreadsheets of half of Europe write them. */
  readonly decimalSeparator: '.' | ',';
}

async function openRecords(
  chunks: AsyncIterable<Buffer>,
  { format, columns }: ForeignOptions,
): Promise<OpenedRecords> {
  const { start, chunks: all } = await peek(chunks, (begin) => begin.toString('latin1').trim().length > 3);
  const isJson = /^[[{]/.test(start.toString('latin1').trimStart());
  if (format === 'csv' || (format === 'langfuse' && !isJson)) {
    const { delimiter, records } = await readCsv(all, columns.values());
    return { records, decimalSeparator: delimiter === ';' ? ',' : '.' };
  }
  return { records: readJsonRecords(all), decimalSeparator: '.' };
}

function toLines(
  fields: JsonObject,
  decimalSeparator: '.' | ',',
  options: ForeignOptions,
): readonly JsonObject[] | Fault {
  try {
    const { named, rest } = mappedFields(fields, options);
    const { at, interactions } = read(named, rest, decimalSeparator, options);
    return interactions.map((interaction, index) => ({
      ...settleTimes(interaction, at, index, options),
      ...(options.botId !== undefined && { bot_id: options.botId }),
    }));
  } catch (error) {
    return faultOf(error);
  }
}

function read(
  named: JsonObject,
  rest: JsonObject,
  decimalSeparator: '.' | ',',
  { format }: ForeignOptions,
): ChatInteractions {
  const withNamed = (interactions: readonly JsonObject[]): readonly JsonObject[] =>
    interactions.map((interaction) => ({ ...interaction, ...named }));
  switch (format) {
    case 'openai': {
      const { at, interactions } = readOpenAi(rest);
      return { at, interactions: withNamed(interactions) };
    }
    case 'sharegpt': {
      const { at, interactions } = readShareGpt(rest);
      return { at, interactions: withNamed(interactions) };
    }
    case 'langfuse':
      return { at: undefined, interactions: withNamed([readLangfuse(rest)]) };
    case 'csv':
      return { at: undefined, interactions: [readTableRow({ ...rest, ...named }, decimalSeparator)] };
  }
}

/** What `--map` names, under the names of fields, and the rest. */
function mappedFields(
  fields: JsonObject,
  { columns }: ForeignOptions,
): { readonly named: JsonObject; readonly rest: JsonObject } {
  const taken = new Set(columns.values());
  const named = [...columns].flatMap(([field, column]) => {
    const value = fields[column];
    return value === undefined || value === null ? [] : [[field, value] as const];
  });
  return {
    named: Object.fromEntries(named),
    rest: Object.fromEntries(Object.entries(fields).filter(([name]) => !taken.has(name))),
  };
}

/** Times as RFC 3339; a turn without one is so many seconds after its conversation's start. */
function settleTimes(
  line: JsonObject,
  at: JsonValue | undefined,
  index: number,
  { startTime, dateOrder }: ForeignOptions,
): JsonObject {
  const read = (name: string): JsonObject => {
    const value = line[name];
    if (typeof value !== 'string' && typeof value !== 'number') return {};
    return { [name]: foreignInstant(value, name, dateOrder) };
  };
  const times = { ...read('timestamp'), ...read('occurred_at'), ...read('sent_at') };
  if ('timestamp' in times || 'occurred_at' in times) return { ...line, ...times };
  const begun =
    typeof at === 'string' || typeof at === 'number'
      ? foreignInstant(at, 'timestamp', dateOrder)
      : startTime?.toISOString();
  if (begun === undefined) {
    throw malformed('NO_TIME', 'It says no time; give one with --start-time, or name its column with --map.');
  }
  const timestamp = new Date(Date.parse(begun) + index * 1000).toISOString();
  return { ...line, ...times, timestamp };
}
