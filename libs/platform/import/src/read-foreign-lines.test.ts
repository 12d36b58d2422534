import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { ForeignFormat, ForeignOptions } from './foreign-format.ts';
import { parseLine } from './parse-line.ts';
import { readForeignLines } from './read-foreign-lines.ts';
import type { Fault } from './read-lines.ts';

const startTime = new Date('2026-03-01T10:00:00Z');
const usual = { columns: new Map<string, string>(), botId: 'b', startTime, dateOrder: undefined };

interface ReadLine {
  readonly number: number;
  readonly fields?: Record<string, unknown>;
  readonly fault?: Fault | undefined;
}

async function linesOf(
  format: ForeignFormat,
  file: string | Buffer,
  options: Partial<ForeignOptions> = {},
  chunkSize = 11,
): Promise<readonly ReadLine[]> {
  const bytes = Buffer.from(file);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkSize) chunks.push(bytes.subarray(at, at + chunkSize));
  const lines = await Array.fromAsync(
    readForeignLines(Readable.from(chunks, { objectMode: false }), { ...usual, format, ...options }),
  );
  return lines.map((line) => {
    const { number } = line;
    if ('fault' in line) return line;
    const { text } = line;
    // Whatever comes out is a line that the importer takes.
    parseLine(text, { defaultCurrency: 'USD' });
    return { number, fields: JSON.parse(text) as Record<string, unknown> };
  });
}

const fieldsOf = async (...args: Parameters<typeof linesOf>) =>
  (await linesOf(...args)).map(({ fields, fault }) => fields ?? fault);

const chat = {
  messages: [
    { role: 'system', content: 'Be kind.' },
    { role: 'assistant', content: 'Hello!' },
    {
      role: 'user',
      content: [{ type: 'text', text: 'Is it' }, { type: 'image_url' }, { type: 'text', text: 'open?' }],
    },
    { role: 'assistant', content: null, tool_calls: [{ id: 't', function: { name: 'hours' } }] },
    { role: 'tool', tool_call_id: 't', content: '9 to 5' },
    { role: 'assistant', content: 'From nine to five.' },
    { role: 'user', content: 'Thanks' },
  ],
  user: 'u-1',
};

test('OpenAI: a user’s turn goes with the next answer, across calls of tools; who else speaks is an attribute', async () => {
  const lines = await fieldsOf('openai', JSON.stringify(chat));
  expect(lines).toEqual([
    {
      type: 'interaction',
      id: expect.any(String),
      session_id: expect.any(String),
      bot_id: 'b',
      member_id: 'u-1',
      timestamp: '2026-03-01T10:00:00.000Z',
      message_text: 'Is it\nopen?',
      response_text: 'From nine to five.',
      attributes: {
        system: 'Be kind.',
        preceding: 'Hello!',
        tools: [[{ id: 't', function: { name: 'hours' } }], { tool_call_id: 't', content: '9 to 5' }],
      },
    },
    {
      type: 'interaction',
      id: expect.any(String),
      session_id: expect.any(String),
      bot_id: 'b',
      member_id: 'u-1',
      timestamp: '2026-03-01T10:00:01.000Z',
      message_text: 'Thanks',
    },
  ]);
});

test('ids come from what was said: the same again is the same, another conversation is another', async () => {
  const other = { messages: [{ role: 'user', content: 'Hi' }] };
  const ids = async (...records: object[]) =>
    (await linesOf('openai', records.map((record) => JSON.stringify(record)).join('\n'))).map(
      ({ fields }) => fields?.['id'],
    );
  const both = await ids(chat, other);
  expect(new Set(both).size).toBe(3);
  expect(await ids(other, chat)).toEqual([both[2], both[0], both[1]]);
});

test('ShareGPT: an array or lines, pretty or not, gzipped or not, however the bytes are cut', async () => {
  const records = [
    {
      id: 'a',
      conversations: [
        { from: 'human', value: 'x "[,]" \\' },
        { from: 'gpt', value: 'y' },
      ],
    },
    {
      id: 'b',
      conversations: [
        { from: 'system', value: 's' },
        { from: 'human', value: 'ü🎉' },
      ],
    },
  ];
  const written = [
    records.map((record) => JSON.stringify(record)).join('\r\n'),
    JSON.stringify(records),
    `\uFEFF ${JSON.stringify(records, null, 2)}\n`,
    gzipSync(JSON.stringify(records)),
  ];
  for (const file of written) {
    for (const size of [1, 7, 100_000]) {
      expect(await fieldsOf('sharegpt', file, {}, size)).toMatchObject([
        { session_id: 'a', message_text: 'x "[,]" \\', response_text: 'y' },
        { session_id: 'b', message_text: 'ü🎉', attributes: { system: 's' } },
      ]);
    }
  }
});

test('a broken record is told by its line and reason, and the next one is read', async () => {
  const good = JSON.stringify({ conversations: [{ from: 'human', value: 'x' }] });
  const lines = [
    good,
    '{"conversations":',
    '[1]',
    '{"messages":[]}',
    '{"conversations":[{"from":"cat","value":"x"}]}',
    '{"conversations":[{"from":"gpt","value":"x"}]}',
    `{"x":"${'y'.repeat(1024 * 1024)}"}`,
    good,
  ];
  const read = await linesOf('sharegpt', lines.join('\n'), {}, 60_000);
  expect(read.map(({ number, fault }) => [number, fault?.reason])).toEqual([
    [1, undefined],
    [2, 'INVALID_JSON'],
    [3, 'INVALID_JSON'],
    [4, 'NOT_THIS_FORMAT'],
    [5, 'UNKNOWN_ROLE'],
    [6, 'NO_USER_TURN'],
    [7, 'TOO_LARGE'],
    [8, undefined],
  ]);
  const cut = await linesOf('sharegpt', `[\n${good},\n{"conversations":[{"from":"hu`);
  expect(cut.map(({ number, fault }) => [number, fault?.reason])).toEqual([
    [2, undefined],
    [3, 'INVALID_JSON'],
  ]);
});

test('without a time of its own and --start-time a record is rejected, and with one of its own it keeps it', async () => {
  const records = [{ ...chat }, { ...chat, created: 1772359200 }].map((record) => JSON.stringify(record));
  expect(await fieldsOf('openai', records.join('\n'), { startTime: undefined })).toMatchObject([
    { reason: 'NO_TIME' },
    { timestamp: '2026-03-01T10:00:00.000Z' },
    { timestamp: '2026-03-01T10:00:01.000Z' },
  ]);
});

const trace = {
  id: 't-1',
  timestamp: '2026-03-01T10:00:00.123Z',
  name: 'support',
  userId: 'u',
  sessionId: 's',
  input: {
    messages: [
      { role: 'system', content: 'S' },
      { role: 'user', content: 'Where?' },
    ],
  },
  output: { role: 'assistant', content: 'Here.' },
  latency: 1.5,
  tags: ['a'],
  scores: [{ name: 'helpful', value: 1 }],
};
const expectedTrace = {
  type: 'interaction',
  id: 't-1',
  timestamp: '2026-03-01T10:00:00.123Z',
  bot_id: 'support',
  member_id: 'u',
  session_id: 's',
  message_text: 'Where?',
  response_text: 'Here.',
  response_time_ms: 1500,
  attributes: { tags: ['a'], scores: [{ name: 'helpful', value: 1 }] },
};

test('Langfuse: JSON, and CSV with JSON in its cells, give the same', async () => {
  expect(await fieldsOf('langfuse', JSON.stringify([trace]), { botId: undefined })).toEqual([expectedTrace]);
  const cell = (value: unknown) =>
    `"${(typeof value === 'string' ? value : JSON.stringify(value)).replaceAll('"', '""')}"`;
  const csv = `${Object.keys(trace).join(',')}\n${Object.values(trace).map(cell).join(',')}\n`;
  expect(await fieldsOf('langfuse', csv, { botId: undefined })).toEqual([expectedTrace]);
  const plain = await fieldsOf(
    'langfuse',
    '{"id":"x","start_time":"2026-03-01","input":"Q","output":{"answer":"A"}}',
  );
  expect(plain).toMatchObject([
    { message_text: 'Q', response_text: 'A', timestamp: '2026-03-01T00:00:00.000Z' },
  ]);
});

test('CSV: a byte order mark, semicolons, decimal commas, quoted breaks and a spreadsheet’s dates', async () => {
  const file =
    '\uFEFFConversation ID;Bot ID;Asked;Timestamp;Intent Score;Team\r\n' +
    'k-1;shop;"first;\r\nsecond ""line""";46082,4270833333;0,5;north\r\n' +
    "k-2;shop;'=1+1;1.3.2026 9:05;;\r\n";
  const columns = new Map([['message_text', 'Asked']]);
  const lines = await linesOf('csv', file, {
    columns,
    botId: undefined,
    startTime: undefined,
  });
  expect(lines).toEqual([
    {
      number: 2,
      fields: {
        type: 'interaction',
        conversation_id: 'k-1',
        bot_id: 'shop',
        message_text: 'first;\r\nsecond "line"',
        timestamp: '2026-03-01T10:15:00.000Z',
        intent_score: 0.5,
        attributes: { Team: 'north' },
      },
    },
    {
      number: 4,
      fields: {
        type: 'interaction',
        conversation_id: 'k-2',
        bot_id: 'shop',
        message_text: '=1+1',
        timestamp: '2026-03-01T09:05:00.000Z',
      },
    },
  ]);
});

test('CSV: rows of another length, of broken quotes, and of times that could be two are told by their line', async () => {
  const file = [
    'message_text,timestamp',
    'one,2026-03-01 10:00',
    'two',
    'thr"ee,2026-03-01 10:00',
    'four,1/2/2026',
    'five,31/1/2026',
    'six,yesterday',
    'seven,2026-02-30',
    'eight,2026-03-01',
    '"never closed,2026-03-01',
  ].join('\n');
  const read = await linesOf('csv', file);
  expect(read.map(({ number, fault }) => [number, fault?.reason])).toEqual([
    [2, undefined],
    [3, 'INVALID_CSV'],
    [4, 'INVALID_CSV'],
    [5, 'INVALID_FIELDS'],
    [6, undefined],
    [7, 'INVALID_FIELDS'],
    [8, 'INVALID_FIELDS'],
    [9, undefined],
    [10, 'INVALID_CSV'],
  ]);
});

test('CSV: what is not UTF-8 is told by its line, and read when its encoding is said', async () => {
  const file = Buffer.from('Größe,message_text,timestamp\n1,Grüße,2026-03-01\n', 'latin1');
  const [row] = await fieldsOf('csv', file, { encoding: 'windows-1252' });
  expect(row).toMatchObject({ message_text: 'Grüße', attributes: { Größe: '1' } });
  await expect(linesOf('csv', file)).rejects.toMatchObject({ reason: 'INVALID_ENCODING' });
  const named = Buffer.from('message_text,timestamp\nGrüße,2026-03-01\nHi,2026-03-01\n', 'latin1');
  expect((await linesOf('csv', named)).map(({ number, fault }) => [number, fault?.reason])).toEqual([
    [2, 'INVALID_ENCODING'],
    [3, undefined],
  ]);
});

test('CSV: what looks like a byte order mark inside of a file is text', async () => {
  const rows = await fieldsOf('csv', '\uFEFFmessage_text,timestamp\n\uFEFFHi,2026-03-01\n');
  expect(rows).toMatchObject([{ message_text: '\uFEFFHi' }]);
});

test('CSV: two columns of a name are both kept, and so is one without a name', async () => {
  const file = 'message_text,timestamp,note,note,,message_text\nHi,2026-03-01,a,b,c,d\n';
  const [row] = await fieldsOf('csv', file);
  expect(row).toMatchObject({
    message_text: 'Hi',
    attributes: { note: 'a', 'note (2)': 'b', 'column 5': 'c', 'message_text (2)': 'd' },
  });
});

test('CSV: a mapped column that the table does not have ends the import, and says which ones there are', async () => {
  const columns = new Map([['message_text', 'Qestion']]);
  await expect(linesOf('csv', 'Question,timestamp\nHi,2026-03-01\n', { columns })).rejects.toThrow(
    'The table has no column "Qestion"; it has "Question", "timestamp".',
  );
});
