import fc from 'fast-check';
import { event } from './events.ts';
import type { NewEvent } from './events.ts';

export const start = Date.parse('2026-03-07T00:00:00Z');
export const span = 3 * 86_400_000;
const bots = ['sales', 'help'];
const groups = ['', 'shop', 'app'];
const people = ['ann', 'bob', 'cyd', 'dee'];
const users = ['u1', 'u2', 'u3'];
const channels = ['', 'web', 'phone'];
export const segments = ['free_user', 'paid_subscriber', 'beta, "new" {x}'];
const currencies = ['USD', 'EUR'];
const intents = ['', 'buy', 'escalate', 'abandoned', 'fallback', 'Escalate'];
export const sentiments = [null, 'positive', 'neutral', 'negative'] as const;
const sentimentNumber = fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const);
export const outcomes = ['purchased', 'visited', 'did_nothing', 'resolved'] as const;

export const time = fc.integer({ min: 0, max: span - 1 }).map((ms) => start + ms);
const response = fc.record({
  text: fc.constantFrom('', 'Sure.'),
  ms: fc.option(fc.constantFrom(0, 1, 250, 4_000)),
});
const dialogue = fc.record({
  at: time,
  bot: fc.constantFrom(...bots),
  group: fc.constantFrom(...groups),
  channel: fc.constantFrom(...channels),
  member: fc.constantFrom('', ...people),
  intent: fc.constantFrom(...intents),
  sentiment: sentimentNumber,
  response,
  isReported: fc.boolean(),
  completion: fc.option(response),
  reading: fc.option(fc.record({ intent: fc.constantFrom(...intents), sentiment: sentimentNumber })),
  enrichment: fc.option(fc.record({ intent: fc.constantFrom(...intents), sentiment: sentimentNumber })),
  conversions: fc.array(
    fc.record({
      at: time,
      outcome: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const),
      checkoutCompleted: fc.boolean(),
      bot: fc.constantFrom('', ...bots),
      group: fc.constantFrom('', 'shop'),
      intent: fc.constantFrom('', '', 'buy', 'upsell'),
      member: fc.constantFrom('', '', ...people),
      value: fc.option(
        fc.record({
          amount: fc.constantFrom(0n, 1n, 2_900n, 10n ** 15n),
          currency: fc.constantFrom(...currencies),
        }),
      ),
      isReported: fc.boolean(),
      refunds: fc.array(
        fc.record({
          at: time,
          amount: fc.constantFrom(0n, 1n, 2_900n),
          currency: fc.constantFrom(...currencies),
        }),
        { maxLength: 2 },
      ),
    }),
    { maxLength: 2 },
  ),
  ratings: fc.array(
    fc.record({
      at: time,
      rating: fc.option(fc.constantFrom(0.3, 1, 2.5, 4, 4.3, 5)),
      scaleMax: fc.option(fc.constantFrom(1.3, 10)),
      type: fc.constantFrom(1 as const, 1 as const, 2 as const, 3 as const, 4 as const),
      bot: fc.constantFrom('', ...bots),
    }),
    { maxLength: 2 },
  ),
});
export const world = fc.record({
  dialogues: fc.array(dialogue, { minLength: 1, maxLength: 12 }),
  members: fc.uniqueArray(
    fc.record({
      at: time,
      member: fc.constantFrom(...people),
      user: fc.constantFrom('', ...users),
      segments: fc.subarray(segments),
    }),
    { maxLength: 6, selector: ({ at }) => at },
  ),
  users: fc.array(fc.record({ at: time, user: fc.constantFrom(...users) }), { maxLength: 5 }),
});
export type World = typeof world extends fc.Arbitrary<infer Value> ? Value : never;

/** What producers send. */
export function eventsOf({ dialogues, members, users: records }: World, tenantId: string): NewEvent[] {
  const told = (id: string, at: number) => ({ id, at: new Date(at), tenantId });
  const answer = ({ text, ms }: { text: string; ms: number | null }) => ({
    responseText: text,
    ...(ms === null ? {} : { responseTimeMs: BigInt(ms) }),
  });
  const money = ({ amount, currency }: { amount: bigint; currency: string }) => ({
    currencyCode: currency,
    minorUnits: amount,
  });
  return [
    ...dialogues.flatMap((d, n) => [
      ...(d.isReported
        ? [
            event(
              {
                case: 'interaction',
                value: {
                  botId: d.bot,
                  groupId: d.group,
                  channel: d.channel,
                  memberId: d.member,
                  intent: d.intent,
                  sentiment: d.sentiment,
                  ...(d.reading === null ? {} : { understanding: d.reading }),
                  ...answer(d.response),
                },
              },
              told(`i${n}`, d.at),
            ),
          ]
        : []),
      ...(d.completion === null
        ? []
        : [
            event(
              { case: 'completion', value: { interactionId: `i${n}`, ...answer(d.completion) } },
              told(`i${n}`, d.at + 1),
            ),
          ]),
      ...(d.enrichment === null
        ? []
        : [
            event(
              { case: 'enrichment', value: { interactionId: `i${n}`, understanding: d.enrichment } },
              told(`read i${n}`, d.at + 2),
            ),
          ]),
      ...d.conversions.flatMap((c, m) => [
        ...(c.isReported
          ? [
              event(
                {
                  case: 'conversion',
                  value: {
                    interactionId: `i${n}`,
                    outcome: c.outcome,
                    checkoutCompleted: c.checkoutCompleted,
                    botId: c.bot,
                    groupId: c.group,
                    intent: c.intent,
                    memberId: c.member,
                    ...(c.value === null ? {} : { value: money(c.value) }),
                  },
                },
                told(`c${n}.${m}`, c.at),
              ),
            ]
          : []),
        ...c.refunds.map((r, k) =>
          event(
            { case: 'refund', value: { conversionId: `c${n}.${m}`, value: money(r) } },
            told(`r${n}.${m}.${k}`, r.at),
          ),
        ),
      ]),
      ...d.ratings.map((f, m) =>
        event(
          {
            case: 'feedback',
            value: {
              interactionId: `i${n}`,
              type: f.type,
              botId: f.bot,
              ...(f.rating === null ? {} : { rating: f.rating }),
              ...(f.scaleMax === null ? {} : { scaleMax: f.scaleMax }),
            },
          },
          told(`f${n}.${m}`, f.at),
        ),
      ),
    ]),
    ...members.map((m, n) =>
      event(
        { case: 'member', value: { memberId: m.member, userId: m.user, segments: m.segments } },
        told(`m${n}`, m.at),
      ),
    ),
    ...records.map((u, n) => event({ case: 'user', value: { userId: u.user } }, told(`u${n}`, u.at))),
  ];
}

/** The events in any order, received over several days. */
export function received(events: readonly NewEvent[]): NewEvent[] {
  return events.map((one, index) => ({ ...one, receivedAt: new Date(start + index * 7 * 3_600_000) }));
}
export const orders = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true }));
export function shuffle<T>(list: readonly T[], stream: fc.Stream<number>): T[] {
  return list
    .map((value) => ({ value, order: stream.next().value ?? 0 }))
    .sort((a, b) => a.order - b.order)
    .map(({ value }) => value);
}
export function cutAtRandom<T>(list: readonly T[], stream: fc.Stream<number>): T[][] {
  const batches: T[][] = [[]];
  for (const value of list) {
    if ((stream.next().value ?? 0) < 0.3) batches.push([]);
    batches.at(-1)?.push(value);
  }
  return batches;
}
