import { Code, ConnectError } from '@connectrpc/connect';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema } from '@parley/contracts/google/rpc/error_details';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { event, tickAt } from './events.ts';
import { operatorKey, startService } from './service-fixture.ts';

const cluster = await testCluster();
const shared = await startService(cluster, { atEnd: afterAll });
const said = (id: string, at: string) =>
  event({ case: 'interaction', value: { botId: 'sales', memberId: 'ann', intent: 'Person' } }, { id, at });

test(
  'new rules hold from the next full hour on that is ten minutes away, and leave alone what was said before',
  { timeout: 30_000 },
  async () => {
    let now = new Date('2026-03-10T09:49:00Z');
    const service = await startService(cluster, { now: () => now });
    const admin = service.settingsAs({ credential: service.keyOf(['admin']) });
    const reader = service.settingsAs({ credential: service.keyOf(['read']) });
    expect((await reader.getConversationSettings({})).settings).toEqual([]);

    const settings = { botId: 'sales', inactivityGapSeconds: 300n, handoffIntents: ['person'] };
    const changed = (await admin.updateConversationSettings({ settings })).settings;
    expect(changed).toMatchObject(settings);
    const effectiveFrom = changed?.effectiveFrom;
    expect(effectiveFrom && timestampDate(effectiveFrom)).toEqual(new Date('2026-03-10T10:00:00Z'));

    now = new Date('2026-03-10T09:51:00Z');
    const general = (await admin.updateConversationSettings({ settings: {} })).settings;
    expect(general).toMatchObject({ botId: '', inactivityGapSeconds: 1_800n });
    expect(general?.handoffIntents).toContain('human_handoff');
    const listed = await reader.getConversationSettings({});
    expect(listed.settings.map(({ botId }) => botId)).toEqual(['', 'sales']);

    // Ten minutes between two messages are a pause only from ten o'clock on.
    await service.tell([
      said('i1', '2026-03-10T09:00:00Z'),
      said('i2', '2026-03-10T09:10:00Z'),
      said('i3', '2026-03-10T11:00:00Z'),
      said('i4', '2026-03-10T11:10:00Z'),
      tickAt(new Date('2026-03-10T12:00:00Z')),
    ]);
    now = new Date('2026-03-10T12:00:00Z');
    const kpisOf = async (startDate: string, endDate: string) => {
      const range = {
        start: { seconds: BigInt(Date.parse(startDate) / 1000) },
        end: { seconds: BigInt(Date.parse(endDate) / 1000) },
      };
      const request = {
        scope: { botId: 'sales' },
        window: { window: { case: 'range' as const, value: range } },
      };
      return (await service.a.getConversationKpis(request)).kpis;
    };
    expect(await kpisOf('2026-03-10T09:00:00Z', '2026-03-10T10:00:00Z')).toMatchObject({
      conversations: { value: 1, definitionId: 'parley.v1/conversations?gap=30m' },
      humanHandoffRate: { value: 0, hasData: true },
    });
    expect(await kpisOf('2026-03-10T11:00:00Z', '2026-03-10T12:00:00Z')).toMatchObject({
      conversations: { value: 2, definitionId: 'parley.v1/conversations?gap=5m' },
      deflectionRate: { value: 0, denominator: 2 },
    });
    expect((await kpisOf('2026-03-10T09:00:00Z', '2026-03-10T12:00:00Z'))?.conversations).toMatchObject({
      value: 3,
      definitionId: 'parley.v1/conversations?gap=mixed',
    });
    // Whoever computes it all once more tells the same.
    for await (const { result } of service.running.projections.verify(
      'metrics.kpi',
      AbortSignal.timeout(20_000),
    )) {
      if (result !== undefined) expect(result.differences).toEqual([]);
    }
  },
);

test('who may only read changes no rules, and a gap below a minute is refused', async () => {
  const service = await startService(cluster);
  const codeOf = (failure: Promise<unknown>) =>
    failure.then(
      () => undefined,
      (error: unknown) => ConnectError.from(error).code,
    );
  const reader = service.settingsAs({ credential: service.keyOf(['read']) });
  expect(await codeOf(reader.updateConversationSettings({ settings: {} }))).toBe(Code.PermissionDenied);
  const admin = service.settingsAs({ credential: service.keyOf(['admin']) });
  const tooShort = admin.updateConversationSettings({ settings: { inactivityGapSeconds: 59n } });
  expect(await codeOf(tooShort)).toBe(Code.InvalidArgument);
});

test('who may change rules says by what bots are judged, of all and of one', async () => {
  const service = await startService(cluster);
  const admin = service.settingsAs({ credential: service.keyOf(['admin']) });
  const reader = service.settingsAs({ credential: service.keyOf(['read']) });
  expect((await reader.getHealthSettings({})).settings).toEqual([]);

  const ofAll = await admin.updateHealthSettings({ settings: { successTarget: 0.98, minSampleSize: 20n } });
  expect(ofAll.settings).toMatchObject({
    botId: '',
    successTarget: 0.98,
    latencyTarget: 0.95,
    latencyThresholdMs: 2_000n,
    minSampleSize: 20n,
  });
  // What is said of a bot comes first, then what is said of all.
  const own = { botId: 'sales', latencyThresholdMs: 500n, successTarget: 0.999 };
  expect((await admin.updateHealthSettings({ settings: own })).settings).toMatchObject({
    ...own,
    latencyTarget: 0.95,
    minSampleSize: 20n,
  });
  expect((await reader.getHealthSettings({})).settings).toMatchObject([
    { botId: '', successTarget: 0.98, latencyTarget: 0, latencyThresholdMs: 0n, minSampleSize: 20n },
    { ...own, latencyTarget: 0, minSampleSize: 0n },
  ]);
  const objectivesOf = async (botId: string) =>
    (await service.a.checkBotHealth({ botId })).objectives.map(({ target, thresholdMs }) => [
      target,
      thresholdMs,
    ]);
  expect(await objectivesOf('sales')).toEqual([
    [0.999, 0n],
    [0.95, 500n],
  ]);
  expect(await objectivesOf('help')).toEqual([
    [0.98, 0n],
    [0.95, 2_000n],
  ]);

  // With nothing but the bot, what was said of it is forgotten.
  const again = await admin.updateHealthSettings({ settings: { botId: 'sales' } });
  expect(again.settings).toMatchObject({ successTarget: 0.98, latencyThresholdMs: 2_000n });
  expect((await reader.getHealthSettings({})).settings.map(({ botId }) => botId)).toEqual(['']);
  // Another tenant has none of it.
  const other = service.settingsAs({ credential: operatorKey, tenant: 'tenant-b' });
  expect((await other.getHealthSettings({})).settings).toEqual([]);
});

test.each([
  ['successTarget', 0.5, 'settings.success_target'],
  ['successTarget', 1, 'settings.success_target'],
  ['latencyTarget', 0.3, 'settings.latency_target'],
  ['latencyTarget', -0.9, 'settings.latency_target'],
  ['latencyTarget', Number.NaN, 'settings.latency_target'],
  ['latencyThresholdMs', 3_600_001n, 'settings.latency_threshold_ms'],
  ['minSampleSize', -1n, 'settings.min_sample_size'],
])('a %s of %s is refused', async (name, value, field) => {
  const admin = shared.settingsAs({ credential: shared.keyOf(['admin']) });
  const error = await admin.updateHealthSettings({ settings: { [name]: value } }).then(
    () => undefined,
    (failed: unknown) => ConnectError.from(failed),
  );
  expect(error?.code).toBe(Code.InvalidArgument);
  const fields = error?.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  expect(new Set(fields?.map((violation) => violation.field))).toEqual(new Set([field]));
});
