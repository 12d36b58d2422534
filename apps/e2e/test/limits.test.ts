import { afterAll, beforeAll, expect, test } from 'vitest';
import { startStandalone, type StandaloneProcess } from '../src/standalone-process.ts';

let parley: StandaloneProcess;
beforeAll(async () => {
  parley = await startStandalone();
});
afterAll(() => parley.stop());

async function limits(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr, code } = await parley.cli([
    'tenants',
    'limits',
    ...args,
    '--tenant',
    'shop',
    '--json',
  ]);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Record<string, unknown>;
}

test('limits are shown, set one by one and taken back, and hold for the very next call', async () => {
  await parley.cli(['tenants', 'create', 'shop']);
  const byDefault = {
    events: 50_000,
    bytes: 50_000_000,
    calls: 2_000,
    streams: 64,
    bots: 1_000,
    queries: 8,
  };
  expect(await limits('show')).toEqual({ tenant: 'shop', limits: byDefault, set: [] });
  expect(await limits('set', '--bots', '2', '--queries', '20')).toMatchObject({
    limits: { ...byDefault, bots: 2, queries: 20 },
    set: ['bots', 'queries'],
  });
  expect(await limits('set', '--queries', 'default', '--streams', '5')).toMatchObject({
    limits: { ...byDefault, bots: 2, streams: 5 },
    set: ['streams', 'bots'],
  });

  const lines = ['one', 'two', 'three'].map((bot_id) => ({
    type: 'interaction',
    id: `of-${bot_id}`,
    timestamp: '2026-03-01T10:00:00Z',
    bot_id,
  }));
  await parley.cli(['import', '-', '--tenant', 'shop'], {
    input: lines.map((line) => JSON.stringify(line)).join('\n'),
  });
  const { stdout } = await parley.cli(['quarantine', 'list', '--tenant', 'shop', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    quarantined_events: [{ event_id: 'of-three', reason: 'TOO_MANY_BOTS' }],
  });
});
