import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventKeyOf } from '@parley/event';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import type { NewEvent } from '../../src/event-log/event-log.ts';
import { appendFailpoints } from '../../src/event-log/failpoint.ts';
import { event, logDatabase, read, textOf } from './log-fixture.ts';

// Flushed as in earnest.
const cluster = await testCluster({ settings: { fsync: 'on', full_page_writes: 'on' } });

test.each(appendFailpoints)(
  'a process killed at %s loses nothing that it acknowledged and leaves nothing half done',
  async (point) => {
    const { database, openLog } = await logDatabase(cluster);
    const calls = Array.from({ length: 6 }, (_, call) => [0, 1, 2].map((index) => `${call} ${index}`));
    const child = spawn(
      process.execPath,
      [
        new URL('appending-process.ts', import.meta.url).pathname,
        database.urlFor('ingestion_append'),
        database.urlFor('ingestion_worker'),
        `${point}@4`,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    let answers = '';
    child.stdout.on('data', (chunk: Buffer) => (answers += chunk.toString()));
    for (const texts of calls) child.stdin.write(`${JSON.stringify(texts)}\n`);
    const [, signal] = await once(child, 'exit');

    const acknowledged = answers.split('\n').filter(Boolean).length;
    expect({ signal, acknowledged }).toEqual({ signal: 'SIGKILL', acknowledged: 3 });

    const log = await openLog();
    const isCommitted = point === 'append:committed' || point === 'append:before-answer';
    const again = [];
    for (const texts of calls) again.push(await log.append(texts.map((text) => keyed(text))));
    expect(again.map((results) => results[0]?.outcome)).toEqual([
      'duplicate',
      'duplicate',
      'duplicate',
      isCommitted ? 'duplicate' : 'accepted',
      'accepted',
      'accepted',
    ]);
    expect((await read(log, 0, 18)).map(textOf)).toEqual(calls.flat());
  },
);

test('immediate stops of Postgres under load lose nothing acknowledged and keep every event once', async () => {
  const { openLog } = await logDatabase(cluster);
  const logs = [await openLog(), await openLog()];
  const acknowledged = new Set<string>();
  const sent = new Set<string>();
  let isRunning = true;
  let refusals = 0;

  const appenders = Array.from({ length: 12 }, async (_, appender) => {
    for (let call = 0; isRunning || call < 20; call += 1) {
      const events = Array.from({ length: 1 + (call % 20) }, (_, index) =>
        keyed(`${appender} ${call} ${index}`, appender % 3),
      );
      for (const { body } of events) sent.add(body.toString());
      for (;;) {
        try {
          await logs[appender % 2]?.append(events);
          for (const { body } of events) acknowledged.add(body.toString());
          break;
        } catch (error) {
          expect(error).toMatchObject({ kind: 'unavailable' });
          refusals += 1;
          await sleep(50);
        }
      }
    }
  });
  for (let cycle = 0; cycle < 4; cycle += 1) {
    await sleep(300);
    await cluster.server.crash();
    await cluster.server.ready(20_000);
    const before = acknowledged.size;
    while (acknowledged.size === before) await sleep(20);
  }
  isRunning = false;
  await Promise.all(appenders);

  const stored: string[] = [];
  for (const [partition, head] of await logs[0]!.heads(AbortSignal.timeout(5_000))) {
    const events = await read(logs[0]!, partition, Number(head));
    expect(events.map(({ offset }) => offset)).toEqual(Array.from(events, (_, index) => BigInt(index + 1)));
    stored.push(...events.map((one) => textOf(one) ?? ''));
  }
  expect(refusals).toBeGreaterThan(0);
  expect(stored).toHaveLength(new Set(stored).size);
  expect(new Set(stored)).toEqual(sent);
  expect(acknowledged).toEqual(sent);
}, 120_000);

function keyed(text: string, partition = 0): NewEvent {
  const fingerprint = createHash('sha256').update(text).digest().readBigInt64BE();
  return event(text, { partition, eventKey: eventKeyOf(text), fingerprint });
}
