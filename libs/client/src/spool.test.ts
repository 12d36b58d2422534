import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { expect, onTestFinished, test } from 'vitest';
import { encodeEvent } from './encode-event.ts';
import { systemEnvironment } from './environment.ts';
import type { QueuedEvent } from './event-queue.ts';
import { Spool } from './spool.ts';
import { createUuidV7 } from './uuid-v7.ts';

const newId = createUuidV7(systemEnvironment.now, systemEnvironment.randomBytes);

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-spool-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function open(folder: string, maxBytes = 1_000_000) {
  const told = { written: 0, lost: 0, errors: [] as unknown[] };
  const spool = new Spool({
    folder,
    maxBytes,
    newId,
    now: systemEnvironment.now,
    monotonicMs: systemEnvironment.monotonicMs,
    on: {
      written: (count) => (told.written += count),
      lost: (count) => (told.lost += count),
      error: (error) => told.errors.push(error),
      ready: () => undefined,
    },
  });
  return { spool, told };
}

const event = (id: string): QueuedEvent => ({
  id,
  kind: 'interaction',
  bytes: encodeEvent(
    create(EventSchema, {
      eventId: id,
      payload: { case: 'interaction', value: { botId: 'bot', messageText: 'x'.repeat(1000) } },
    }),
  ),
  queuedAt: 0,
});

async function readAll(spool: Spool): Promise<QueuedEvent[]> {
  const events: QueuedEvent[] = [];
  for (let read = await spool.read(); read; read = await spool.read()) events.push(...read.events);
  return events;
}

const ids = (count: number) => Array.from({ length: count }, (_, index) => String(index));

test('what memory has no room for comes back in its order over many segments, and its files go when it is settled', async () => {
  const folder = await newFolder();
  const { spool, told } = open(folder, 10_000_000);
  for (const id of ids(2000)) expect(spool.overflow(event(id))).toBe(true);
  expect(spool.overflowing).toBe(2000);
  const events = await readAll(spool);
  expect(events.map(({ id }) => id)).toEqual(ids(2000));
  expect(spool.overflowing).toBe(0);
  for (const { settled } of events) settled?.();
  await spool.close();
  expect(await readdir(folder)).toEqual([]);
  expect(told).toEqual({ written: 2000, lost: 0, errors: [] });
});

test('the disk is never given more than its bound, and room comes back with what is settled', async () => {
  const { spool } = open(await newFolder(), 20_000);
  const taken = ids(100).filter((id) => spool.overflow(event(id)));
  expect(taken.length).toBeGreaterThan(10);
  expect(taken.length).toBeLessThan(20);
  for (const { settled } of await readAll(spool)) settled?.();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(spool.overflow(event('again'))).toBe(true);
  await spool.close();
});

test('a client that was closed leaves the rest to the next, once', async () => {
  const folder = await newFolder();
  const first = open(folder).spool;
  const kept = ids(10).map((id) => first.shadow(event(id)));
  kept[3]?.settled?.();
  await first.close();
  const two = [open(folder).spool, open(folder).spool];
  await Promise.all(two.map(({ adopted }) => adopted));
  const found = (await Promise.all(two.map(readAll))).flat();
  expect(found.map(({ id }) => id)).toEqual(ids(10));
  for (const { settled } of found) settled?.();
  await Promise.all(two.map((spool) => spool.close()));
  expect(await readdir(folder)).toEqual([]);
});

test('a client that lives keeps what is its own', async () => {
  const folder = await newFolder();
  const { spool } = open(folder);
  spool.shadow(event('mine'));
  const other = open(folder).spool;
  await other.adopted;
  expect(other.hasBacklog).toBe(false);
  await other.close();
  await spool.close();
});

test('what a process left that is gone is taken, with a torn end told and the rest sent', async () => {
  const folder = await newFolder();
  const { spool } = open(folder);
  for (const id of ids(5)) spool.overflow(event(id));
  await spool.close();
  const [name] = await readdir(folder);
  const [segment] = await readdir(join(folder, name ?? ''));
  const gone = execFileSync(process.execPath, ['-e', 'process.stdout.write(String(process.pid))'], {
    encoding: 'utf8',
  });
  const dead = join(folder, `${hostname().replace(/[^\w-]/g, '_')}.${gone}.1.ab`);
  await mkdir(dead);
  execFileSync('mv', [join(folder, name ?? '', segment ?? ''), dead]);
  await appendFile(join(dead, segment ?? ''), Buffer.from([200, 0, 0, 0, 1, 2]));

  const { spool: next, told } = open(folder);
  await next.adopted;
  expect((await readAll(next)).map(({ id }) => id)).toEqual(ids(5));
  expect(told.errors).toEqual([expect.objectContaining({ message: expect.stringContaining('damaged') })]);
  await next.close();
});

test('a disk that refuses costs the events on it alone, and is told', async () => {
  const file = join(await newFolder(), 'a file');
  await writeFile(file, '');
  const { spool, told } = open(file);
  expect(spool.overflow(event('1'))).toBe(true);
  expect(spool.shadow(event('2')).id).toBe('2');
  await spool.close();
  expect(told.lost).toBe(1);
  expect(told.errors.length).toBeGreaterThan(0);
  expect(spool.overflow(event('3'))).toBe(false);
});
