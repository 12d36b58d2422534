import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { startService } from './service-fixture.ts';

const hourMs = 3_600_000;
let skippedMs = 0;
const now = () => new Date(Date.now() + skippedMs);

const cluster = await testCluster();
const { tenant } = await startService(cluster, { now, atEnd: afterAll });

const { ACCEPTED, CONFLICT, REJECTED } = EventOutcome;
const said = (botId: string) => ({ case: 'interaction' as const, value: { botId, messageText: 'Hi' } });

test('an event that is replayed days later counts when it occurred by the clock of when it came', async () => {
  const { ingestion, quarantine, collection } = (await tenant()).clients;
  const cameAt = now();
  // An hour ahead, and right; the third one says nothing of when it occurred.
  const clocks = [hourMs, 0].map((errorMs, n) => ({
    eventId: `${n}`,
    occurredAt: timestampFromDate(new Date(cameAt.getTime() - 2 * hourMs + errorMs)),
    sentAt: timestampFromDate(new Date(cameAt.getTime() + errorMs)),
  }));
  const bad = [...clocks, { eventId: '2' }].map((event) => ({ ...event, payload: said('') }));
  const { results } = await ingestion.recordEvents({ events: bad });
  skippedMs += 3 * 24 * hourMs;
  for (const [n, { quarantineId }] of results.entries()) {
    const event = { ...bad[n], payload: said('b') };
    const { result } = await quarantine.replayQuarantinedEvent({ quarantineId, event });
    expect(result?.outcome).toBe(ACCEPTED);
  }
  const { position: minPosition } = await ingestion.recordEvents({
    events: [{ eventId: 'last', payload: said('other') }],
  });
  const agoMinutes = async (interactionId: string) => {
    const { interaction } = await ingestion.getInteraction({ interactionId, minPosition });
    if (interaction?.occurredAt === undefined) throw new Error('It is not there.');
    return Math.round(Math.abs(cameAt.getTime() - timestampDate(interaction.occurredAt).getTime()) / 60_000);
  };
  expect(await Promise.all(['0', '1', '2'].map(agoMinutes))).toEqual([120, 120, 0]);
  const { bots } = await collection.examineCollection({ botId: 'b', minPosition });
  expect(bots[0]?.findings.map(({ code }) => code)).not.toContain('CLOCK_SKEW');
});

test('a replay that fails leaves the event in quarantine as it is', async () => {
  const { ingestion, quarantine, collection } = (await tenant()).clients;
  const { results } = await ingestion.recordEvents({
    events: [
      { eventId: 'taken', payload: said('b') },
      { eventId: 'bad', payload: said('') },
    ],
  });
  const before = await quarantine.listQuarantinedEvents({});
  expect(before.quarantinedEvents).toHaveLength(1);
  const quarantineId = results[1]?.quarantineId ?? '';
  const corrections = [
    undefined,
    { eventId: 'bad', payload: said('x'.repeat(201)) },
    { eventId: 'taken', payload: said('other') },
  ];
  const outcomes: (EventOutcome | undefined)[] = [];
  for (const event of corrections) {
    const { result } = await quarantine.replayQuarantinedEvent({ quarantineId, ...(event && { event }) });
    expect(result?.quarantineId).toBe(quarantineId);
    outcomes.push(result?.outcome);
  }
  expect(outcomes).toEqual([REJECTED, REJECTED, CONFLICT]);
  expect(await quarantine.listQuarantinedEvents({})).toEqual(before);
  // Trying is not receiving.
  const { findings } = await collection.examineCollection({});
  expect(findings.find(({ code }) => code === 'REJECTED_EVENTS')?.evidence).toMatch(/^1 of 2 events/);
  expect(findings.map(({ code }) => code)).not.toContain('CONFLICTS');
});
