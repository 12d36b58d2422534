import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createPositionSealer } from '@parley/access';
import type { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { Outcome, Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import type { ListInteractionsRequestSchema } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { serviceSecret, startService } from './service-fixture.ts';
import type { TestTenant } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant } = await startService(cluster, { atEnd: afterAll });

const at = (minute: number) => timestampFromDate(new Date(Date.UTC(2026, 2, 1, 10, minute)));
type Filter = MessageInitShape<typeof ListInteractionsRequestSchema>;

async function recorded(
  own: TestTenant,
  events: readonly MessageInitShape<typeof EventSchema>[],
): Promise<string> {
  return (await own.clients.ingestion.recordEvents({ events: [...events] })).position;
}

test('a read that waits for a position sees what was just recorded, as it was told', async () => {
  const { ingestion } = (await tenant()).clients;
  const interaction = {
    botId: 'bot-1',
    groupId: 'g',
    memberId: 'm',
    conversationId: 'k',
    channel: 'web',
    messageText: 'grüße 🎉',
    intent: 'buy',
    intentScore: 0.25,
    sentiment: Sentiment.NEGATIVE,
    responseText: 'own',
    responseTimeMs: 5n,
    errorCode: 'E',
    attributes: { a: [1, { b: 'x' }] },
  };
  for (let round = 0; round < 20; round += 1) {
    const id = `i-${round}`;
    const { position } = await ingestion.recordInteraction({
      eventId: id,
      occurredAt: at(round),
      interaction,
    });
    const found = await ingestion.getInteraction({ interactionId: id, minPosition: position });
    expect(found.interaction).toMatchObject({
      interactionId: id,
      occurredAt: at(round),
      interaction,
      monetizationEvent: false,
    });
    expect(found.interaction?.completedAt).toBeUndefined();
  }
  await ingestion.completeInteraction({
    completion: { interactionId: 'i-1', responseText: 'later', responseTimeMs: 0n },
  });
  const { position } = await ingestion.recordConversion({
    conversion: {
      interactionId: 'i-1',
      outcome: Outcome.PURCHASED,
      value: { currencyCode: 'USD', minorUnits: 1n },
    },
  });
  const completed = await ingestion.getInteraction({ interactionId: 'i-1', minPosition: position });
  expect(completed.interaction).toMatchObject({
    interaction: { ...interaction, responseText: 'later', responseTimeMs: 0n },
    monetizationEvent: true,
  });
  expect(completed.interaction?.completedAt).toBeDefined();
});

test("an interaction that is not there, or another tenant's, is not found", async () => {
  const [own, other] = [await tenant(), await tenant()];
  const { position } = await other.clients.ingestion.recordInteraction({
    eventId: 'secret',
    interaction: { botId: 'b' },
  });
  await other.clients.ingestion.getInteraction({ interactionId: 'secret', minPosition: position });
  for (const interactionId of ['secret', 'none', 'a\u2028b']) {
    expect(await refusalOf(own.clients.ingestion.getInteraction({ interactionId }))).toMatchObject({
      code: 'NotFound',
      reason: 'INTERACTION_NOT_FOUND',
    });
  }
  expect((await own.clients.ingestion.listInteractions({})).interactions).toEqual([]);
});

test('pages go through all interactions of a filter once, the latest first and ties by id', async () => {
  const own = await tenant();
  const events = Array.from({ length: 60 }, (_, n) => ({
    eventId: `i-${String(n).padStart(2, '0')}`,
    // Five at each minute.
    occurredAt: at(Math.floor(n / 5)),
    payload: {
      case: 'interaction' as const,
      value: {
        botId: `bot-${n % 2}`,
        groupId: `g-${n % 3}`,
        memberId: `m-${n % 4}`,
        conversationId: `k-${n % 5}`,
        intent: `intent-${n % 6}`,
      },
    },
  }));
  const minPosition = await recorded(own, events);
  const filters: readonly (readonly [Filter, (n: number) => boolean])[] = [
    [{}, () => true],
    [{ botId: 'bot-1' }, (n) => n % 2 === 1],
    [{ groupId: 'g-2' }, (n) => n % 3 === 2],
    [{ memberId: 'm-3' }, (n) => n % 4 === 3],
    [{ conversationId: 'k-4' }, (n) => n % 5 === 4],
    [{ intent: 'intent-5' }, (n) => n % 6 === 5],
    [{ intent: 'intent-5', botId: 'bot-1', groupId: 'g-2' }, (n) => n % 6 === 5],
    [{ windowStart: at(3), windowEnd: at(5) }, (n) => n >= 15 && n < 25],
    [{ botId: 'nobody' }, () => false],
  ];
  for (const [filter, holds] of filters) {
    const found: string[] = [];
    let pageToken = '';
    do {
      const page = await own.clients.ingestion.listInteractions({
        ...filter,
        pageSize: 7,
        pageToken,
        minPosition,
      });
      found.push(...page.interactions.map(({ interactionId }) => interactionId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    const wanted = events
      .filter((_event, n) => holds(n))
      .sort(
        (a, b) => Number(b.occurredAt.seconds - a.occurredAt.seconds) || (a.eventId < b.eventId ? -1 : 1),
      );
    expect(
      found,
      JSON.stringify(filter, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    ).toEqual(wanted.map(({ eventId }) => eventId));
  }
});

test('what is asked wrongly is told by its field', async () => {
  const own = await tenant();
  const other = await tenant();
  const { ingestion } = own.clients;
  const minPosition = await recorded(
    own,
    Array.from({ length: 3 }, (_, n) => ({
      eventId: `i-${n}`,
      occurredAt: at(n),
      payload: { case: 'interaction' as const, value: { botId: 'b' } },
    })),
  );
  const { nextPageToken: pageToken } = await ingestion.listInteractions({ pageSize: 1, minPosition });
  expect(pageToken).not.toBe('');
  const wrong: readonly (readonly [Filter, string])[] = [
    [{ pageSize: -1 }, 'page_size'],
    [{ pageToken: 'nonsense' }, 'page_token'],
    [{ pageToken: Buffer.from('["x","y","z"]').toString('base64url') }, 'page_token'],
    [{ pageToken, botId: 'b' }, 'page_token'],
    [{ minPosition: 'nonsense' }, 'min_position'],
    [{ windowStart: at(2), windowEnd: at(1) }, 'window_end'],
  ];
  for (const [request, field] of wrong) {
    expect(await refusalOf(ingestion.listInteractions(request)), field).toMatchObject({
      code: 'InvalidArgument',
      fields: [field],
    });
  }
  expect(await refusalOf(other.clients.ingestion.listInteractions({ pageToken }))).toMatchObject({
    fields: ['page_token'],
  });
  expect(await refusalOf(other.clients.ingestion.listInteractions({ minPosition }))).toMatchObject({
    fields: ['min_position'],
  });
  expect(await refusalOf(ingestion.getInteraction({ interactionId: '' }))).toMatchObject({
    fields: ['interaction_id'],
  });
});

test('a position that is not reached in time is answered with when to try again', async () => {
  const own = await tenant();
  const { ingestion } = own.clients;
  const position = await recorded(own, [{ payload: { case: 'interaction', value: { botId: 'b' } } }]);
  await ingestion.listInteractions({ minPosition: position });
  const sealer = createPositionSealer(serviceSecret);
  const { partition, offset } = sealer.open(position);
  const future = sealer.seal({ partition, offset: offset + 1_000_000n });
  const startedAt = performance.now();
  expect(
    await refusalOf(ingestion.listInteractions({ minPosition: future }, { timeoutMs: 1_000 })),
  ).toMatchObject({ code: expect.stringMatching(/Unavailable|DeadlineExceeded/) });
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});
