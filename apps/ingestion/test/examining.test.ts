import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ConsentScope } from '@parley/contracts/parley/ingestion/v1/event';
import { Severity } from '@parley/contracts/parley/ingestion/v1/collection_service';
import type { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import { Outcome } from '@parley/contracts/parley/ingestion/v1/event';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { startService } from './service-fixture.ts';

const cluster = await testCluster();
const { tenant } = await startService(cluster, { atEnd: afterAll });

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
  const { bots, findings, refusedCount } = await collection.examineCollection({ minPosition });
  expect(refusedCount).toBe(30n);
  expect(findings.map(({ code, severity }) => [code, severity])).toEqual([['REFUSED_EVENTS', Severity.INFO]]);
  expect(findings[0]?.evidence).toMatch(/^30 of 60 events \(50.0 %\) were refused .* \(shy 30\)/);
  expect(bots.map(({ botId, refusedCount: refused }) => [botId, refused])).toEqual([['open', 0n]]);
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
