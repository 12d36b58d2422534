import { createClient } from '@connectrpc/connect';
import { EventOutcome, IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { QuarantineService } from '@parley/contracts/parley/ingestion/v1/quarantine_service';
import { createTransportTo } from '@parley/rpc';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
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

test('a time beyond the year 9999 is listed, shown as it came, replayed, exported with its member and fixed', async () => {
  const { url, operatorKey } = parley;
  const transport = createTransportTo({ baseUrl: url, credential: operatorKey, tenant: 'beyond' });
  onTestFinished(() => transport.close());
  await importLines('beyond', [said('first')]);
  const seconds = 2n ** 62n;
  const { results } = await createClient(IngestionService, transport).recordEvents({
    events: [
      {
        eventId: 'late',
        occurredAt: { seconds, nanos: 5 },
        payload: { case: 'interaction', value: { botId: 'bot-1', memberId: 'm', messageText: 'hi' } },
      },
    ],
  });
  expect(results.map(({ outcome }) => outcome)).toEqual([EventOutcome.REJECTED]);

  const [entry] = await listed('beyond');
  const id = entry?.quarantine_id ?? '';
  expect(entry).toMatchObject({ event_id: 'late', kind: 'interaction' });
  const asItCame = { occurredAt: { seconds: `${seconds}`, nanos: 5 }, interaction: { messageText: 'hi' } };
  const shown = await quarantine(['show', id, ...inTenant('beyond')]);
  expect(shown).toMatchObject({ code: 0, event: asItCame });
  const { stdout } = await parley.cli(['quarantine', 'show', id, '--tenant', 'beyond']);
  expect(JSON.parse(stdout)).toMatchObject({ event: asItCame });

  // Over JSON, which has no such time.
  const answer = await fetch(`${url}/${QuarantineService.typeName}/GetQuarantinedEvent`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${operatorKey}`,
      'parley-tenant': 'beyond',
    },
    body: JSON.stringify({ quarantineId: id }),
  });
  expect([answer.status, await answer.json()]).toMatchObject([
    200,
    { quarantinedEvent: { eventId: 'late', body: shown['body'] } },
  ]);

  const member = await parley.cli(['export-member', '--tenant', 'beyond', '--member', 'm']);
  expect(member).toMatchObject({ code: 0 });
  expect(member.stdout).toContain(String(shown['body']));
  expect(await parley.cli(['export', '--tenant', 'beyond', '--kind', 'interactions'])).toMatchObject({
    code: 0,
  });
  expect(await quarantine(['replay', id, ...inTenant('beyond')])).toMatchObject({
    outcome: 'rejected',
    code: 3,
  });
  // As it is shown it can't be recorded, and that is said before anything is sent.
  const wrong = await parley.cli(['quarantine', 'fix', id, '-', '--tenant', 'beyond'], {
    input: JSON.stringify(shown),
  });
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr).toContain('google.protobuf.Timestamp');
  const fixed = { ...(shown['event'] as object), occurredAt: '2026-03-01T10:00:00Z' };
  expect(await quarantine(['fix', id, '-', ...inTenant('beyond')], JSON.stringify(fixed))).toMatchObject({
    outcome: 'accepted',
    code: 0,
  });
  expect(await listed('beyond')).toEqual([]);
}, 60_000);
