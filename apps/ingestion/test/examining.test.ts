import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ConsentScope } from '@parley/contracts/parley/ingestion/v1/event';
import { Severity } from '@parley/contracts/parley/ingestion/v1/collection_service';
import type { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { Outcome } from '@parley/contracts/parley/ingestion/v1/event';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { collectionCountDays, removeOldCounts } from '../src/storage/collection-counts.ts';
import { refusalOf } from './refusals.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant, admin } = await startService(cluster, { atEnd: afterAll });

const hourMs = 3_600_000;
const startedAt = Date.now();
type Event = MessageInitShape<typeof EventSchema>;

/** Thirty interactions of a bot, a minute apart, the last one so long ago; without fault unless told. */
function interactions(
  botId: string,
  agoMs: number,
  fault: object = {},
  sentAgoMs?: number,
): readonly Event[] {
  return Array.from({ length: 30 }, (_, n) => ({
    eventId: `${botId}-${n}`,
    occurredAt: timestampFromDate(new Date(startedAt - agoMs - n * 60_000)),
    ...(sentAgoMs !== undefined && { sentAt: timestampFromDate(new Date(startedAt - sentAgoMs)) }),
    payload: {
      case: 'interaction' as const,
      value: {
        botId,
        memberId: 'm',
        conversationId: 's',
        messageText: 'Hi',
        intent: 'greeting',
        responseText: 'Hello',
        ...fault,
      },
    },
  }));
}

test('each seeded fault is found at the bot that has it, and a good bot has none', async () => {
  const { ingestion, collection, language } = (await tenant()).clients;
  const examples = ['track_parcel', 'say_hello'].flatMap((intent) =>
    Array.from({ length: 5 }, (_, n) => ({ text: `${intent} in words of kind ${n}`, label: intent })),
  );
  const training = await Array.fromAsync(language.trainIntents({ examples, activate: true }));
  expect(training.at(-1)?.model).toBeDefined();
  await ingestion.recordEvents({
    events: [
      ...interactions('good', 60_000),
      ...interactions('silent', 30 * hourMs),
      ...interactions('ahead', -2 * hourMs),
      ...interactions('skewed', 2 * hourMs + 60_000, {}, 2 * hourMs),
      ...interactions('forgetful', 60_000, { intent: '', memberId: '', messageText: '' }),
      ...interactions('trained', 60_000, { intent: 'track_parcel' }),
      ...interactions('odd', 60_000, { intent: 'escalation' }),
    ],
  });
  const conversion = (interactionId: string): Event => ({
    eventId: `c-${interactionId}`,
    payload: { case: 'conversion', value: { interactionId, outcome: Outcome.RESOLVED } },
  });
  await ingestion.recordEvents({ events: [conversion('good-1'), conversion('nowhere')] });
  await ingestion.recordEvents({ events: [...interactions('good', 60_000)] });
  const { position: minPosition } = await ingestion.recordEvents({
    events: [
      ...interactions('', 0).slice(0, 2),
      ...interactions('good', 0).slice(0, 1),
      conversion('good-1'),
    ],
  });

  const answer = await collection.examineCollection({ minPosition });
  const codes = (botId: string) =>
    answer.bots.find((bot) => bot.botId === botId)?.findings.map(({ code }) => code);
  expect(codes('good')).toEqual([]);
  expect(codes('trained')).toEqual([]);
  expect(codes('silent')).toEqual(['SILENT']);
  expect(codes('skewed')).toEqual(['CLOCK_SKEW']);
  expect(codes('ahead')).toEqual(['FUTURE_EVENTS']);
  expect(codes('forgetful')).toEqual(['FIELD_MISSING', 'FIELD_MISSING', 'FIELD_MISSING']);
  expect(codes('odd')).toEqual(['UNKNOWN_INTENT']);
  expect(answer.bots.find(({ botId }) => botId === 'odd')?.unknownIntents).toEqual(['escalation']);
  expect(answer.bots[0]?.findings[0]?.severity).toBe(Severity.CRITICAL);
  expect(answer.findings.map(({ code }) => code).toSorted()).toEqual([
    'CONFLICTS',
    'MANY_DUPLICATES',
    'REJECTED_EVENTS',
    'UNLINKED_CONVERSIONS',
  ]);
  expect(answer.duplicateCount).toBeGreaterThanOrEqual(30n);
  expect(answer.quarantinedCount).toBe(3n);
  const countsOf = (botId: string) => {
    const bot = answer.bots.find((each) => each.botId === botId);
    return bot && [bot.duplicateCount, bot.conflictCount, bot.rejectedCount];
  };
  expect(countsOf('good')).toEqual([30n, 1n, 0n]);
  expect(countsOf('odd')).toEqual([0n, 0n, 0n]);

  const one = await collection.examineCollection({ botId: 'silent' });
  expect(one.bots.map(({ botId }) => botId)).toEqual(['silent']);
  expect(one.findings).toEqual([]);
  const nobody = await collection.examineCollection({ botId: 'nobody' });
  expect(nobody.findings.map(({ evidence }) => evidence)).toEqual(['There is no interaction of "nobody".']);
});

test('what was refused for want of consent is told', async () => {
  const { ingestion, collection, privacy } = (await tenant()).clients;
  await privacy.setConsent({ scope: ConsentScope.MEMBER, subjectId: 'm', allowed: false });
  await ingestion.recordEvents({ events: [...interactions('shy', 60_000)] });
  const { position: minPosition } = await ingestion.recordEvents({
    events: [...interactions('open', 60_000, { memberId: 'other' })],
  });
  const { bots, findings, refusedCount, otherBots } = await collection.examineCollection({ minPosition });
  expect(refusedCount).toBe(30n);
  expect(findings.map(({ code, severity }) => [code, severity])).toEqual([['REFUSED_EVENTS', Severity.INFO]]);
  expect(findings[0]?.evidence).toMatch(/^30 of 60 events \(50.0 %\) were refused .* \(shy 30\)/);
  expect(bots.map(({ botId, refusedCount: refused }) => [botId, refused])).toEqual([['open', 0n]]);
  expect(otherBots).toMatchObject({ acceptedCount: 0n, refusedCount: 30n });
});

test('a tenant without events is told so, and sees nothing of another', async () => {
  const { collection } = (await tenant()).clients;
  const { bots, findings } = await collection.examineCollection({});
  expect(bots).toEqual([]);
  expect(findings.map(({ code, severity }) => [code, severity])).toEqual([['NO_EVENTS', Severity.CRITICAL]]);
  const at = timestampFromDate(new Date(startedAt));
  expect(await refusalOf(collection.examineCollection({ windowStart: at, windowEnd: at }))).toMatchObject({
    code: 'InvalidArgument',
    fields: ['window_end'],
  });
});

test('more bots than are told of one by one are told of together, and of none of them a count is lost', async () => {
  const { ingestion, collection } = (await tenant()).clients;
  const many = 230;
  const events = Array.from({ length: many }, (_, n): Event => {
    const botId = `bot-${String(n).padStart(3, '0')}`;
    return { eventId: `i-${n}`, payload: { case: 'interaction', value: { botId, messageText: 'Hi' } } };
  });
  // In one hour, wherever its end is.
  const untilHour = hourMs - (Date.now() % hourMs);
  if (untilHour < 5_000) await new Promise((resolve) => setTimeout(resolve, untilHour));
  await ingestion.recordEvents({ events });
  const { position: minPosition } = await ingestion.recordEvents({
    events: [...events, ...interactions('late', 0, { memberId: '' }).slice(0, 1)],
  });
  const { bots, otherBots, duplicateCount, findings } = await collection.examineCollection({ minPosition });
  expect(bots).toHaveLength(200);
  expect(bots.map((bot) => bot.duplicateCount)).toEqual(Array.from({ length: 200 }, () => 1n));
  expect(otherBots).toMatchObject({ acceptedCount: 31n, duplicateCount: 30n });
  expect(duplicateCount).toBe(BigInt(many));
  expect(findings.find(({ code }) => code === 'MANY_DUPLICATES')?.evidence).toMatch(
    /\(bot-000 1, bot-001 1, bot-002 1, other bots 227\)/,
  );
  expect((await collection.examineCollection({ botId: 'bot-000' })).otherBots).toBeUndefined();
});

test('counts are removed once they are older than they are kept, of every tenant, and no others', async () => {
  const own = [await tenant(), await tenant()];
  const tenantIds = own.map(({ tenant: { tenantId } }) => tenantId);
  const limit = new Date(Date.now() - collectionCountDays * 24 * hourMs);
  for (const { tenant: one } of own) {
    await admin.query(
      `insert into ingestion.collection_counts
         (partition, tenant_id, received_hour, bot_id, accepted, duplicate, conflict, rejected, refused, ancient)
       select $1, $2, $3::timestamptz + make_interval(hours => h), 'bot ' || b, 1, 0, 0, 0, 0, 0
         from generate_series(-60, 59) as h, generate_series(1, 100) as b`,
      [one.partition, one.tenantId, limit],
    );
  }
  const left = async () => {
    const { rows } = await admin.query<{ count: bigint }>(
      `select count(*) from ingestion.collection_counts where tenant_id = any($1) group by tenant_id`,
      [tenantIds],
    );
    return rows.map(({ count }) => count);
  };
  expect(await left()).toEqual([12_000n, 12_000n]);
  const at = new Date(limit.getTime() + collectionCountDays * 24 * hourMs);
  await removeOldCounts(admin, at, new AbortController().signal);
  expect(await left()).toEqual([6_000n, 6_000n]);
});
