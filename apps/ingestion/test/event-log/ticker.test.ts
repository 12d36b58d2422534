import { fromBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKinds, nobody } from '@parley/event';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { startTicker } from '../../src/event-log/ticker.ts';
import { logDatabase, logger, read } from './log-fixture.ts';

const cluster = await testCluster();

test('each minute is in each partition once, however many processes tick', async () => {
  const { openLog } = await logDatabase(cluster);
  const logs = [await openLog(), await openLog(), await openLog()];
  // A clock whose next minute begins in half a second.
  const shift = Date.UTC(2026, 10, 5, 12, 59, 59, 500) - Date.now();
  const now = (): Date => new Date(Date.now() + shift);

  const tickers = logs.map((log) => startTicker(log, now, logger));
  const events = await read(logs[0]!, 0, 2);
  for (const log of logs) await read(log, 7, 2);
  await Promise.all(tickers.map((ticker) => ticker.close()));

  const heads = await logs[0]!.heads(AbortSignal.timeout(1_000));
  expect([...heads.values()]).toEqual(new Array(8).fill(2n));
  const minutes = [new Date('2026-11-05T12:59:00Z'), new Date('2026-11-05T13:00:00Z')];
  expect(events.map(({ occurredAt }) => occurredAt)).toEqual(minutes);
  for (const [index, { kind, tenantId, body }] of events.entries()) {
    expect({ kind, tenantId }).toEqual({ kind: eventKinds.tick, tenantId: nobody });
    const { payload } = fromBinary(EventSchema, body ?? new Uint8Array());
    if (payload.case !== 'tick' || payload.value.minute === undefined) throw new Error('No tick.');
    expect(timestampDate(payload.value.minute)).toEqual(minutes[index]);
  }
});

test('a minute that fails is passed over, and the next one comes', async () => {
  const { openLog } = await logDatabase(cluster);
  const log = await openLog();
  const shift = Date.UTC(2026, 10, 5, 12, 59, 58, 500) - Date.now();
  let isFailing = true;
  const ticker = startTicker(
    {
      heads: (signal) => (isFailing ? Promise.reject(new Error('no database')) : log.heads(signal)),
      append: (events, signal) => log.append(events, signal),
    },
    () => new Date(Date.now() + shift),
    logger,
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  isFailing = false;

  const [event] = await read(log, 0, 1);
  await ticker.close();

  expect(event?.occurredAt).toEqual(new Date('2026-11-05T13:00:00Z'));
});
