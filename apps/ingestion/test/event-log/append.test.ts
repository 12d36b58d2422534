import { eventKinds } from '@parley/event';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { event, logDatabase, read, tenant, textOf } from './log-fixture.ts';

const cluster = await testCluster();

test('events come back in the order in which they were appended', async () => {
  const { openLog } = await logDatabase(cluster);
  const log = await openLog();
  const occurredAt = new Date('2026-02-03T04:05:06.789Z');

  const results = await log.append([
    event('one', { occurredAt }),
    event('two'),
    event('three', { partition: 3 }),
  ]);

  expect(results).toEqual([
    { outcome: 'accepted', offset: 1n },
    { outcome: 'accepted', offset: 2n },
    { outcome: 'accepted', offset: 1n },
  ]);
  const events = await read(log, 0, 2);
  expect(events.map(textOf)).toEqual(['one', 'two']);
  expect(events[0]).toMatchObject({ offset: 1n, tenantId: tenant, kind: eventKinds.interaction, occurredAt });
  expect(events[1]?.occurredAt).toEqual(events[1]?.receivedAt);
  expect((await read(log, 3, 1)).map(textOf)).toEqual(['three']);
});
