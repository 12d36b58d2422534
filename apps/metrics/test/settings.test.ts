import { Code, ConnectError } from '@connectrpc/connect';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { event, tickAt } from './events.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
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
