import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { event } from './events.ts';
import type { NewEvent } from './events.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const at = Date.parse('2026-03-08T12:00:00Z');

/** An interaction received so long ago, and so late. */
function said(id: string, receivedAgo: number, lateBy: number): NewEvent {
  const receivedAt = new Date(at - receivedAgo);
  return event(
    { case: 'interaction', value: { botId: 'sales', memberId: 'ann' } },
    { id, at: new Date(receivedAt.getTime() - lateBy), receivedAt },
  );
}

test(
  'every answer says how much of its window is there, as far as that is known',
  { timeout: 60_000 },
  async () => {
    const service = await startService(cluster, { now: () => new Date(at) });
    const { a } = service;
    // Three days: of each two events one comes at once, and one 30 minutes later.
    const days = [3, 2, 1].flatMap((ago) =>
      Array.from({ length: 400 }, (_, n) =>
        said(`d${ago} ${n}`, ago * day - n * minute, n % 2 === 0 ? 100 : 30 * minute),
      ),
    );
    await service.tell(days.slice(0, 800));
    expect((await a.getKpis({})).context?.completeness).toBeUndefined();

    const later = await startService(cluster, { now: () => new Date(at) });
    await later.tell([...days, said('now', 0, 100)]);
    const told = (await later.a.getKpis({ window: { window: { case: 'days', value: 1 } } })).context;
    // Of the last hour those of the second half hour that come late are missing: about a quarter of all.
    expect(told?.completeness?.newestHour).toBeGreaterThan(0.7);
    expect(told?.completeness?.newestHour).toBeLessThan(0.8);
    expect(told?.completeness?.window).toBeCloseTo(1 - 0.25 / 24, 2);
    expect(told?.completeness?.observationCount).toBe(1_201n);
    const realTime = (await later.a.getRealTimeMetrics({})).context;
    expect(realTime?.completeness?.window).toBe(realTime?.completeness?.newestHour);
    for await (const { context } of later.a.watchRealTimeMetrics({})) {
      expect(context?.completeness).toEqual(realTime?.completeness);
      break;
    }
    // Nothing is known of another tenant's events.
    expect((await later.b.getKpis({})).context?.completeness).toBeUndefined();
  },
);
