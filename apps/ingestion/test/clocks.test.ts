import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant, admin } = await startService(cluster, { atEnd: afterAll });

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const ago = (ms: number) => new Date(Date.now() - ms);

/** An interaction of an hour before it was sent, by a clock that is wrong by `errorMs`. */
const said = (eventId: string, errorMs: number, waitedMs = hourMs) => ({
  eventId,
  occurredAt: timestampFromDate(ago(waitedMs - errorMs)),
  sentAt: timestampFromDate(ago(-errorMs)),
  payload: { case: 'interaction' as const, value: { botId: 'bot-1' } },
});

test.each([
  ['a day late', -dayMs],
  ['two days ahead, which would be too far ahead', 2 * dayMs],
  ['twenty years late', -20 * 365 * dayMs],
])(
  'an event of a clock that is %s counts when it occurred, and its own time is shown',
  async (_what, errorMs) => {
    const { clients, tenant: of } = await tenant();
    const event = said('i-1', errorMs);
    const { results, position } = await clients.ingestion.recordEvents({ events: [event] });
    expect(results[0]).toMatchObject({ outcome: EventOutcome.ACCEPTED });
    const { interaction } = await clients.ingestion.getInteraction({
      interactionId: 'i-1',
      minPosition: position,
    });
    const countedAt = interaction?.occurredAt && timestampDate(interaction.occurredAt).getTime();
    expect(Math.abs((countedAt ?? 0) - ago(hourMs).getTime())).toBeLessThan(20_000);
    expect(interaction?.reportedAt).toEqual(event.occurredAt);
    // The log has the corrected time too, which is what all figures are computed from.
    const { rows } = await admin.query<{ occurred_at: Date }>(
      'select occurred_at from events where tenant_id = $1',
      [of.tenantId],
    );
    expect(rows.map(({ occurred_at }) => occurred_at.getTime())).toEqual([countedAt]);
    const listed = await clients.ingestion.listInteractions({
      windowStart: timestampFromDate(ago(2 * hourMs)),
      windowEnd: timestampFromDate(ago(0)),
    });
    expect(listed.interactions).toHaveLength(1);
  },
);

test('what lay for days and is sent late is not shifted, since it was sent just now', async () => {
  const { clients } = await tenant();
  const event = said('i-1', 0, 5 * dayMs);
  const { position } = await clients.ingestion.recordInteraction({
    eventId: 'i-1',
    occurredAt: event.occurredAt,
    sentAt: event.sentAt,
    interaction: { botId: 'bot-1' },
  });
  const { interaction } = await clients.ingestion.getInteraction({
    interactionId: 'i-1',
    minPosition: position,
  });
  expect(interaction?.occurredAt).toEqual(event.occurredAt);
  expect(interaction?.reportedAt).toBeUndefined();
});

test('sent again, from a clock that has been set right or wrong meanwhile, it is the same event', async () => {
  const { clients } = await tenant();
  const { sentAt: first, ...event } = said('i-1', -dayMs);
  const outcomes: (EventOutcome | undefined)[] = [];
  for (const sentAt of [first, timestampFromDate(ago(0)), timestampFromDate(ago(1.5 * dayMs)), undefined]) {
    const again = sentAt === undefined ? event : { ...event, sentAt };
    const { results } = await clients.ingestion.recordEvents({ events: [again] });
    outcomes.push(results[0]?.outcome);
  }
  const { ACCEPTED, DUPLICATE } = EventOutcome;
  expect(outcomes).toEqual([ACCEPTED, DUPLICATE, DUPLICATE, DUPLICATE]);
});

test('a corrected time is still refused where it is too far ahead', async () => {
  const { clients } = await tenant();
  const { results } = await clients.ingestion.recordEvents({ events: [said('i-1', -3 * dayMs, -2 * dayMs)] });
  expect(results[0]).toMatchObject({ outcome: EventOutcome.REJECTED, reason: 'TOO_FAR_AHEAD' });
});
