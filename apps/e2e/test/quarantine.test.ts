import { afterAll, beforeAll, expect, test } from 'vitest';
import { startStandalone, type StandaloneProcess } from '../src/standalone-process.ts';

let parley: StandaloneProcess;
beforeAll(async () => {
  parley = await startStandalone();
});
afterAll(() => parley.stop());

interface Entry {
  readonly quarantine_id: string;
  readonly reason: string;
  readonly event_id: string;
}

const inTenant = (name: string) => ['--tenant', name, '--json'];

/** Its output as JSON, whether it was all done or something stayed. */
async function quarantine(args: readonly string[], input?: string): Promise<Record<string, unknown>> {
  const options = input === undefined ? {} : { input };
  const { stdout, code } = await parley.cli(['quarantine', ...args], { ...options });
  return { ...(JSON.parse(stdout) as Record<string, unknown>), code };
}

async function listed(tenant: string, ...more: readonly string[]): Promise<readonly Entry[]> {
  const { quarantined_events } = await quarantine(['list', ...inTenant(tenant), ...more]);
  return quarantined_events as readonly Entry[];
}

async function importLines(tenant: string, lines: readonly object[]): Promise<void> {
  await parley.cli(['import', '-', '--create-tenants', '--json', '--tenant', tenant], {
    input: lines.map((line) => JSON.stringify(line)).join('\n'),
  });
}

const said = (id: string, more: object = {}) => ({
  type: 'interaction',
  id,
  timestamp: '2026-03-01T10:00:00Z',
  bot_id: 'bot-1',
  ...more,
});

test('what conflicts is listed, shown, fixed under another id and discarded', async () => {
  await importLines('fixing', [said('a'), said('a', { intent: 'buy' }), said('a', { intent: 'sell' })]);
  const found = await listed('fixing');
  expect(found.map(({ reason, event_id }) => [reason, event_id])).toEqual([
    ['EVENT_CONFLICT', 'a'],
    ['EVENT_CONFLICT', 'a'],
  ]);
  const [first, second] = found.map(({ quarantine_id }) => quarantine_id);
  const shown = await quarantine(['show', first ?? '', ...inTenant('fixing')]);
  expect(shown).toMatchObject({ event: { eventId: 'a', interaction: { botId: 'bot-1' } } });

  expect(await quarantine(['replay', first ?? '', ...inTenant('fixing')])).toMatchObject({
    outcome: 'conflict',
    code: 3,
  });
  const fixed = JSON.stringify({ ...(shown['event'] as object), eventId: 'b' });
  expect(await quarantine(['fix', first ?? '', ...inTenant('fixing')], fixed)).toMatchObject({
    outcome: 'accepted',
    event_id: 'b',
    code: 0,
  });
  expect(await quarantine(['discard', second ?? '', ...inTenant('fixing')])).toMatchObject({ code: 0 });
  expect(await listed('fixing')).toEqual([]);
});

test('thousands are replayed at once, and those that still can not be accepted stay', async () => {
  const count = 2000;
  const ids = Array.from({ length: count }, (_, index) => `i-${index}`);
  await importLines(
    'bulk',
    ids.map((id) => said(id)),
  );
  await importLines(
    'bulk',
    ids.map((id) => said(id, { intent: 'buy' })),
  );
  expect(await listed('bulk', '--limit', '5000')).toHaveLength(count);
  const none = await quarantine(['replay', '--all', '--reason', 'MALFORMED', ...inTenant('bulk')]);
  expect(none).toEqual({ total: 0, accepted: 0, duplicate: 0, conflict: 0, rejected: 0, code: 0 });
  const all = await quarantine(['replay', '--all', '--reason', 'EVENT_CONFLICT', ...inTenant('bulk')]);
  expect(all).toEqual({ total: count, accepted: 0, duplicate: 0, conflict: count, rejected: 0, code: 3 });
  expect(await listed('bulk', '--limit', '5000')).toHaveLength(count);
}, 120_000);
