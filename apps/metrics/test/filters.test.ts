import { testCluster } from '@parley/testing';
import { expect, onTestFinished, test } from 'vitest';
import { event } from './events.ts';
import type { NewEvent } from './events.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();

function said(id: string, rest: object): NewEvent {
  const at = new Date(Date.now() - 60_000);
  return event({ case: 'interaction', value: { botId: 'sales', ...rest } }, { id, at });
}

function traffic(): readonly NewEvent[] {
  const at = new Date(Date.now() - 50_000);
  const value = { currencyCode: 'USD', minorUnits: 2_900n };
  return [
    said('i1', { memberId: 'ann', intent: 'buy', channel: 'web', sentiment: 1, conversationId: 'c1' }),
    said('i2', { memberId: 'ann', intent: 'escalate', channel: 'web', sentiment: 3, conversationId: 'c1' }),
    said('i3', { memberId: 'bob', intent: 'buy', channel: 'phone', conversationId: 'c2' }),
    said('i4', { intent: 'buy' }),
    event({ case: 'conversion', value: { interactionId: 'i1', outcome: 1, value } }, { id: 'v1', at }),
    event({ case: 'feedback', value: { interactionId: 'i3', rating: 5 } }, { id: 'f1', at }),
    event(
      { case: 'member', value: { memberId: 'ann', segments: ['free_user', 'beta'] } },
      { id: 'm1', at: new Date(at.getTime() - 10) },
    ),
    event(
      { case: 'member', value: { memberId: 'ann', segments: ['paid_subscriber', 'beta'] } },
      { id: 'm2', at },
    ),
    event({ case: 'member', value: { memberId: 'bob', segments: ['beta'] } }, { id: 'm3', at }),
  ];
}

test('every dashboard is that of the intent, channel, sentiment and segment that are asked for', async () => {
  const { tell, a } = await startService(cluster);
  await tell(traffic());
  const of = async (scope: object) => {
    const { customerExperience, operational, engagement, conversations, revenue, audience } = await a.getKpis(
      {
        scope,
      },
    );
    return {
      interactions: engagement?.totalInteractions?.value,
      conversions: operational?.totalConversions?.value,
      ratings: customerExperience?.avgCsat?.denominator,
      conversations: conversations?.conversations?.value,
      revenue: revenue?.revenue?.value,
      payers: revenue?.payingMembers?.value,
      members: audience?.activeMembers?.value,
      dau: audience?.dau?.numerator,
    };
  };
  const nothing = { conversions: 0, ratings: 0, revenue: 0, payers: 0 };
  expect(await of({ intent: 'buy' })).toMatchObject({
    interactions: 3,
    conversions: 1,
    ratings: 1,
    conversations: 2,
    revenue: 29,
    payers: 1,
    members: 2,
  });
  expect(await of({ intent: 'escalate' })).toMatchObject({
    ...nothing,
    interactions: 1,
    conversations: 0,
    members: 1,
  });
  expect(await of({ channel: 'web' })).toMatchObject({
    interactions: 2,
    conversions: 1,
    ratings: 0,
    members: 1,
  });
  expect(await of({ channel: 'unknown' })).toMatchObject({ ...nothing, interactions: 1, members: 0 });
  expect(await of({ sentiment: 'negative' })).toMatchObject({
    ...nothing,
    interactions: 1,
    conversations: 0,
  });
  expect(await of({ sentiment: 'positive' })).toMatchObject({
    interactions: 1,
    conversions: 1,
    conversations: 1,
  });
  // A member of two segments is in both; what an earlier record said does not count any more.
  expect(await of({ segment: 'beta' })).toMatchObject({
    interactions: 3,
    conversions: 1,
    ratings: 1,
    members: 2,
  });
  expect(await of({ segment: 'paid_subscriber' })).toMatchObject({
    interactions: 2,
    revenue: 29,
    members: 1,
  });
  expect(await of({ segment: 'free_user' })).toMatchObject({ ...nothing, interactions: 0, members: 0 });
  expect(await of({ segment: 'beta', intent: 'buy', channel: 'phone' })).toMatchObject({
    ...nothing,
    ratings: 1,
    interactions: 1,
    conversations: 1,
  });
});

test('streams of different intents of one bot are told apart', async () => {
  const { tell, a } = await startService(cluster);
  await tell(traffic());
  const first = async (scope: object) => {
    const end = new AbortController();
    onTestFinished(() => end.abort());
    for await (const { metrics } of a.watchRealTimeMetrics({ scope }, { signal: end.signal })) {
      return metrics?.interactionsPerMinute?.numerator;
    }
    return undefined;
  };
  expect(await Promise.all([first({}), first({ intent: 'buy' }), first({ channel: 'web' })])).toEqual([
    4, 3, 2,
  ]);
});
