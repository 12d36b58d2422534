import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EventSchema, Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKeyOf, eventKinds } from '@parley/event';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { startService } from './service-fixture.ts';
import type { TestTenant } from './service-fixture.ts';

const cluster = await testCluster();
const { admin, tenant, eventLog, projections } = await startService(cluster, { atEnd: afterAll });

type EventInit = MessageInitShape<typeof EventSchema>;
const occurredAt = new Date('2026-03-01T10:00:00Z');

/** Writes an event as Parley itself does. */
async function write({ tenant: { tenantId, partition } }: TestTenant, kind: 1 | 11, event: EventInit) {
  const eventId = event.eventId ?? '';
  const [result] = await eventLog.append([
    {
      partition,
      tenantId,
      kind,
      eventKey: eventKeyOf(eventId),
      fingerprint: 1n,
      occurredAt,
      body: toBinary(EventSchema, create(EventSchema, event)),
      sameContentAs: () => true,
    },
  ]);
  return result;
}

const said = (eventId: string, value: object = {}): EventInit => ({
  eventId,
  occurredAt: timestampFromDate(occurredAt),
  payload: { case: 'interaction', value: { botId: 'bot', messageText: 'hello', ...value } },
});
const enriched = (eventId: string, interactionId: string, understanding: object): EventInit => ({
  eventId,
  payload: { case: 'enrichment', value: { interactionId, understanding } },
});
const reading = {
  intent: 'greeting',
  intentConfidence: 0.5,
  sentiment: Sentiment.NEUTRAL,
  modelVersion: 'a',
};

test('what counts is the producer’s word, else the last enrichment’s, else what was read on the way in', async () => {
  const own = await tenant();
  await write(own, eventKinds.interaction, said('read', { understanding: reading }));
  await write(own, eventKinds.interaction, said('enriched', { understanding: reading }));
  await write(
    own,
    eventKinds.interaction,
    said('given', { intent: 'buy', intentScore: 0.9, understanding: { sentiment: Sentiment.NEUTRAL } }),
  );
  // Before its interaction, as where that was parked.
  await write(
    own,
    eventKinds.enrichment,
    enriched('e0', 'late', { intent: 'refund', intentConfidence: 0.7 }),
  );
  await write(own, eventKinds.interaction, said('late', { understanding: reading }));
  for (const id of ['enriched', 'given']) {
    await write(
      own,
      eventKinds.enrichment,
      enriched(`e1 ${id}`, id, { intent: 'x', intentConfidence: 0.6, sentiment: Sentiment.NEGATIVE }),
    );
    await write(
      own,
      eventKinds.enrichment,
      enriched(`e2 ${id}`, id, { intent: 'cancel', intentConfidence: 0.8 }),
    );
  }
  const { position } = await own.clients.ingestion.recordMember({ member: { memberId: 'last' } });

  const { interactions } = await own.clients.ingestion.listInteractions({ minPosition: position });
  const counted = interactions.map(({ interactionId, interaction }) => [
    interactionId,
    interaction?.intent,
    interaction?.intentScore,
    interaction?.sentiment,
  ]);
  expect(counted.sort()).toEqual([
    ['enriched', 'cancel', 0.8, Sentiment.NEGATIVE],
    ['given', 'buy', 0.9, Sentiment.NEGATIVE],
    ['late', 'refund', 0.7, Sentiment.NEUTRAL],
    ['read', 'greeting', 0.5, Sentiment.NEUTRAL],
  ]);
  const byIntent = await own.clients.ingestion.listInteractions({ intent: 'cancel' });
  expect(byIntent.interactions.map(({ interactionId }) => interactionId)).toEqual(['enriched']);
  const { rows } = await admin.query(
    `select id, intent, sentiment, intent_given, understanding ->> 'model_version' as model
       from ingestion.interactions where tenant_id = $1 and id = 'read'`,
    [own.tenant.tenantId],
  );
  expect(rows).toEqual([
    { id: 'read', intent: 'greeting', sentiment: 'neutral', intent_given: false, model: 'a' },
  ]);
  const steps = await Array.fromAsync(
    projections.verify('ingestion.read-model', AbortSignal.timeout(25_000)),
  );
  expect(steps.at(-1)?.result?.differences).toEqual([]);
});
