import { once } from 'node:events';
import type { Socket } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { EventLogService, TailRequestSchema } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import {
  IngestionService,
  RecordInteractionRequestSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { sleep } from '@parley/runtime';
import { expect, test } from 'vitest';
import { envelope, grpcStatusOf, interaction, openHttp2, openTcp, rawCall } from './harness.ts';
import { endHeaders, endStream, frame, goawayCodeIn, headerBlock, opening, uint32 } from './http2-frames.ts';
import { startServerProcess } from './server-process-under-test.ts';

const MiB = 1024 * 1024;
const single = `/${IngestionService.typeName}/RecordInteraction`;
const tail = `/${EventLogService.typeName}/Tail`;
const headers = { authorization: 'Bearer key-ingest', 'content-type': 'application/grpc' };
const good = envelope(
  toBinary(RecordInteractionRequestSchema, create(RecordInteractionRequestSchema, interaction)),
);

const call = (stream: number, path: string, more: Readonly<Record<string, string>> = {}, flags = 0) =>
  frame({
    type: 'headers',
    flags: endHeaders | flags,
    stream,
    payload: headerBlock({
      ':method': 'POST',
      ':scheme': 'http',
      ':path': path,
      ':authority': 'x',
      te: 'trailers',
      ...headers,
      ...more,
    }),
  });

const times = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));

interface Outcome {
  /** How long the connection lived, or undefined when it outlived the flood. */
  readonly livedMs: number | undefined;
  readonly goaway: number | undefined;
  readonly sentMiB: number;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('drain', resolve));
}

/** Sends `next()` as fast as it is taken, until the connection is closed or the time is over. */
async function flood(socket: Socket, next: () => Buffer, ms: number): Promise<Outcome> {
  const from = performance.now();
  const received: Buffer[] = [];
  let closedAt: number | undefined;
  let sent = 0;
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.once('close', () => (closedAt = performance.now()));
  while (closedAt === undefined && performance.now() - from < ms) {
    const bytes = next();
    sent += bytes.length;
    const isTaken = socket.write(bytes);
    // Not for ever: a socket that the server has closed may neither drain nor say so at once.
    await (isTaken ? sleep(1) : Promise.race([drained(socket), sleep(50)]));
  }
  return {
    livedMs: closedAt === undefined ? undefined : closedAt - from,
    goaway: goawayCodeIn(Buffer.concat(received)),
    sentMiB: sent / MiB,
  };
}

/** Calls over a connection of its own all the while, and says how long the slowest one took. */
async function slowestCallDuring(url: string, work: Promise<unknown>): Promise<number> {
  const session = openHttp2(url);
  let isOver = false;
  void work.finally(() => (isOver = true)).catch(() => undefined);
  let slowest = 0;
  while (!isOver) {
    const from = performance.now();
    expect(grpcStatusOf(await rawCall(session, single, headers, good))).toBe(0);
    slowest = Math.max(slowest, performance.now() - from);
    await sleep(10);
  }
  return slowest;
}

const ping = frame({ type: 'ping', payload: Buffer.alloc(8) });
const settings = frame({ type: 'settings', payload: Buffer.concat([Buffer.from([0, 4]), uint32(65_535)]) });
// What Node says where its HTTP/2 library gives up by itself.
const internalError = 2;
const enhanceYourCalm = 11;
let stream = 1;
const nextStream = () => (stream += 2);

interface Flood {
  /** The error codes that GOAWAY may have, if it comes: TCP's reset may overtake it. */
  readonly goaways: readonly number[];
  readonly first?: () => Buffer;
  readonly next: () => Buffer;
}

/** What a connection begins with, and what it then goes on and on sending. */
const floods: Readonly<Record<string, Flood>> = {
  PING: { goaways: [enhanceYourCalm, internalError], next: () => times(1000, () => ping) },
  'answered PING': {
    goaways: [enhanceYourCalm],
    first: () =>
      Buffer.concat([
        call(nextStream(), single),
        frame({ type: 'data', flags: endStream, stream, payload: good }),
      ]),
    next: () => times(100, () => ping),
  },
  SETTINGS: { goaways: [enhanceYourCalm, internalError], next: () => times(1000, () => settings) },
  'answered SETTINGS': { goaways: [enhanceYourCalm], next: () => times(50, () => settings) },
  CONTINUATION: {
    goaways: [internalError],
    first: () =>
      frame({ type: 'headers', stream: nextStream(), payload: headerBlock({ ':method': 'POST' }) }),
    next: () =>
      times(100, () => frame({ type: 'continuation', stream, payload: headerBlock({ 'x-a': 'a' }) })),
  },
  'empty DATA': {
    goaways: [internalError],
    first: () => call(nextStream(), single),
    next: () => times(1000, () => frame({ type: 'data', stream })),
  },
  'rapid reset': {
    goaways: [internalError],
    next: () =>
      times(50, () =>
        Buffer.concat([call(nextStream(), single), frame({ type: 'reset', stream, payload: uint32(8) })]),
      ),
  },
  WINDOW_UPDATE: {
    goaways: [],
    next: () => times(1000, () => frame({ type: 'windowUpdate', payload: uint32(1) })),
  },
};

test.each(Object.entries(floods))(
  'a flood of %s slows others down by a little, holds no memory and ends its connection',
  async (_name, { goaways, first, next }) => {
    const { url, usage } = await startServerProcess({ firstRequestMs: 3000, messageMs: 3000 });
    await rawCall(openHttp2(url), single, headers, good);
    const before = await usage();
    stream = 1;
    const socket = await openTcp(Number(new URL(url).port));
    socket.write(opening);
    if (first !== undefined) socket.write(first());
    const flooded = flood(socket, next, 6000);
    const slowest = await slowestCallDuring(url, flooded);
    const outcome = await flooded;
    const after = await usage();
    expect(outcome.livedMs).toBeDefined();
    // On a busy machine nghttp2 may end it first, with INTERNAL_ERROR.
    expect([undefined, 2, ...goaways]).toContain(outcome.goaway);
    expect(slowest).toBeLessThan(3_000);
    expect(after.mostRss - before.mostRss).toBeLessThan(100 * MiB);
    expect(after.heldMemory - before.heldMemory).toBeLessThan(10 * MiB);
  },
  30_000,
);

test('two thousand idle connections slow nobody down and are all closed in time', async () => {
  const { url, usage } = await startServerProcess({ firstRequestMs: 5000 });
  const port = Number(new URL(url).port);
  const before = await usage();
  const opened: Socket[] = [];
  const open = async (): Promise<void> => {
    while (opened.length < 2000) {
      const batch = await Promise.all(Array.from({ length: 50 }, () => openTcp(port)));
      // Half of them begin to speak HTTP/2.
      batch.forEach((socket, index) => void (index % 2 === 0 && socket.write(opening)));
      opened.push(...batch);
    }
  };
  expect(await slowestCallDuring(url, open())).toBeLessThan(3_000);
  await expect.poll(async () => (await usage()).connections).toBeGreaterThan(1900);
  expect((await usage()).mostRss - before.mostRss).toBeLessThan(300 * MiB);
  const closed = Promise.all(
    opened.filter((socket) => !socket.destroyed).map((socket) => once(socket.resume(), 'close')),
  );
  expect(await slowestCallDuring(url, closed)).toBeLessThan(3_000);
  expect((await usage()).connections).toBeLessThan(10);
}, 30_000);

test('large streams whose window stays shut hold no more than their buffers, and are ended', async () => {
  const { url, usage } = await startServerProcess({ writeMs: 15_000 });
  await rawCall(openHttp2(url), single, headers, good);
  const before = await usage();
  const request = envelope(toBinary(TailRequestSchema, create(TailRequestSchema, { partition: 3 })));
  const shut = frame({ type: 'settings', payload: Buffer.concat([Buffer.from([0, 4]), uint32(0)]) });
  for (let connection = 0; connection < 10; connection += 1) {
    const socket = await openTcp(Number(new URL(url).port));
    socket.resume();
    socket.write(Buffer.concat([opening, shut]));
    for (let id = 1; id < 200; id += 2) {
      const data = frame({ type: 'data', flags: endStream, stream: id, payload: request });
      socket.write(Buffer.concat([call(id, tail, { authorization: 'Bearer service' }), data]));
    }
  }
  await expect.poll(async () => (await usage()).callsInFlight, { timeout: 14_000 }).toBeGreaterThan(900);
  const ended = expect.poll(async () => (await usage()).callsInFlight, { timeout: 40_000 }).toBe(0);
  expect(await slowestCallDuring(url, Promise.resolve(ended))).toBeLessThan(3_000);
  const after = await usage();
  // A hundred kilobytes each, the message that waits.
  expect(after.mostRss - before.mostRss).toBeLessThan(400 * MiB);
  expect(after.heldMemory - before.heldMemory).toBeLessThan(20 * MiB);
}, 60_000);
