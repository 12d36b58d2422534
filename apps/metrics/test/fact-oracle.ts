import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import {
  addRevenue,
  addStates,
  conversionContribution,
  conversionRevenue,
  emptyRevenue,
  emptyState,
  feedbackContribution,
  interactionContribution,
  isNoRevenue,
  latencyBin,
  refundRevenue,
} from '@parley/kpi';
import type { KpiState, RevenueSums } from '@parley/kpi';
import type { Dimension } from '../src/storage/figure-source.ts';
import type { NewEvent } from './events.ts';
import type { Scope } from './metrics-database.ts';

/** Something that happened, told from raw events alone. */
export interface Thing {
  readonly kind: 'interaction' | 'conversion' | 'refund' | 'feedback';
  readonly at: number;
  /** What it is of; `unknown` where that is not known. */
  readonly of: Readonly<Record<Exclude<Dimension, 'segment' | 'segments'>, string>>;
  readonly segments: readonly string[];
  /** Empty: nobody known. */
  readonly member: string;
  readonly isBotKnown: boolean;
  readonly state: KpiState;
  readonly responseMs: number | undefined;
  readonly currency: string;
  readonly revenue: RevenueSums | undefined;
  /** Of a conversion of a value above 0. */
  readonly isPaid: boolean;
}

type Payload<Case> = Extract<Event['payload'], { case: Case }>['value'];
interface Told<Case> {
  readonly id: string;
  readonly at: number;
  readonly receivedAt: number;
  readonly value: Payload<Case>;
}

function told<Case extends string>(events: readonly NewEvent[], wanted: Case): readonly Told<Case>[] {
  return events.flatMap(({ body, occurredAt, receivedAt }) => {
    const { eventId, payload } = fromBinary(EventSchema, body ?? new Uint8Array());
    if (payload.case !== wanted) return [];
    const value = payload.value as Payload<Case>;
    return [{ id: eventId, at: occurredAt.getTime(), receivedAt: receivedAt.getTime(), value }];
  });
}

const sentiments = ['unknown', 'positive', 'neutral', 'negative'] as const;
const outcomes = ['purchased', 'purchased', 'visited', 'did_nothing', 'resolved'] as const;
const types = ['csat', 'csat', 'nps', 'ces', 'thumbs'] as const;
const usualMax = { csat: 5, nps: 10, ces: 7, thumbs: 1 };

/**
 * Everything that counted at an instant, each event given once: with the numbers of then, and of what it is known to be at
 * the end, but that nothing was known through an interaction or a conversion that had not come yet.
 */
export function thingsAsOf(events: readonly NewEvent[], until: number): readonly Thing[] {
  const then = events.filter(({ receivedAt }) => receivedAt.getTime() < until);
  const now = tellInteractions(events);
  const interactions = tellInteractions(then);
  const members = told(events, 'member');
  const segmentsOf = (member: string): readonly string[] => {
    const last = members.filter(({ value }) => value.memberId === member).toSorted((a, b) => b.at - a.at)[0];
    return last === undefined || last.value.segments.length === 0 ? ['unknown'] : last.value.segments;
  };
  const placeOf = (interactionId: string, own: { bot?: string; group?: string; intent?: string }) => {
    const link = interactions.has(interactionId) ? now.get(interactionId) : undefined;
    return {
      bot: own.bot || link?.bot || 'unknown',
      group: own.group || link?.group || 'unknown',
      intent: own.intent || link?.intent || 'unknown',
      channel: link?.channel || 'unknown',
      sentiment: sentiments[link?.sentiment ?? 0] ?? 'unknown',
      member: link?.member ?? '',
    };
  };
  const nothing = {
    state: emptyState,
    responseMs: undefined,
    currency: '',
    revenue: undefined,
    isPaid: false,
  };
  const things: Thing[] = [];
  const put = (
    kind: Thing['kind'],
    at: number,
    place: Thing['of'] & { readonly member: string },
    amounts: Partial<Thing>,
  ): void => {
    const { member, ...of } = place;
    const isBotKnown = of.bot !== 'unknown';
    things.push({ ...nothing, kind, at, of, member, segments: segmentsOf(member), isBotKnown, ...amounts });
  };

  for (const [id, one] of interactions) {
    put('interaction', one.at, placeOf(id, {}), {
      state: interactionContribution({
        intent: one.intent || undefined,
        sentiment: sentimentOf(one.sentiment),
        hasResponse: one.hasResponse,
        responseTimeMs: one.responseMs,
        hasError: false,
        isThreaded: one.isThreaded,
      }),
      responseMs: one.responseMs,
    });
  }
  const refunds = told(then, 'refund');
  const conversions = told(then, 'conversion').map((one) => {
    const { interactionId, botId: bot, groupId: group, intent, memberId } = one.value;
    const place = placeOf(interactionId, { bot, group, intent });
    return { ...one, place: { ...place, member: memberId || place.member } };
  });
  for (const { id, at, value, place } of conversions) {
    const currency = value.value?.currencyCode ?? '';
    const sold = value.value?.minorUnits ?? 0n;
    const back = refunds
      .filter((one) => one.value.conversionId === id && one.value.value?.currencyCode === currency)
      .reduce((sum, one) => sum + (one.value.value?.minorUnits ?? 0n), 0n);
    put('conversion', at, place, {
      state: conversionContribution({ outcome: outcomes[value.outcome] ?? 'purchased' }),
      currency,
      revenue: conversionRevenue(sold, back),
      isPaid: sold > 0n,
    });
  }
  for (const { at, value } of refunds) {
    const conversion = conversions.find(({ id }) => id === value.conversionId);
    put('refund', at, conversion?.place ?? placeOf('', {}), {
      currency: value.value?.currencyCode ?? '',
      revenue: refundRevenue(value.value?.minorUnits ?? 0n),
    });
  }
  for (const { at, value } of told(then, 'feedback')) {
    const type = types[value.type] ?? 'csat';
    const { interactionId, botId: bot, groupId: group } = value;
    put('feedback', at, placeOf(interactionId, { bot, group }), {
      state: feedbackContribution({
        type,
        rating: value.rating,
        scaleMax: value.scaleMax ?? usualMax[type],
      }),
    });
  }
  return things;
}

function tellInteractions(events: readonly NewEvent[]) {
  const completions = told(events, 'completion');
  const enrichments = told(events, 'enrichment');
  return new Map(
    told(events, 'interaction').map(({ id, at, value }) => {
      const read = enrichments.filter((one) => one.value.interactionId === id).map((one) => one.value);
      const intents = read.map(({ understanding }) => understanding?.intent ?? '').filter(Boolean);
      const feelings = read.map(({ understanding }) => understanding?.sentiment ?? 0).filter(Boolean);
      const completion = completions.find((one) => one.id === id)?.value;
      const ms = completion?.responseTimeMs ?? value.responseTimeMs;
      const one = {
        at,
        bot: value.botId,
        group: value.groupId,
        channel: value.channel,
        member: value.memberId,
        intent: value.intent || intents.at(-1) || value.understanding?.intent || '',
        sentiment: value.sentiment || feelings.at(-1) || (value.understanding?.sentiment ?? 0),
        hasResponse: (completion?.responseText || value.responseText) !== '',
        responseMs: ms === undefined ? undefined : Number(ms),
        isThreaded: value.memberId !== '' || value.conversationId !== '',
      };
      return [id, one] as const;
    }),
  );
}

function sentimentOf(number: number): 'positive' | 'neutral' | 'negative' | undefined {
  const name = sentiments[number];
  return name === 'unknown' ? undefined : name;
}

/** Those of a scope and a window. */
export function asked(
  things: readonly Thing[],
  scope: Scope,
  { start, end }: { readonly start: Date; readonly end: Date },
): readonly Thing[] {
  const is = (wanted: string | undefined, value: string) => !wanted || wanted === value;
  return things.filter(
    ({ at, of, segments }) =>
      at >= start.getTime() &&
      at < end.getTime() &&
      is(scope.botId, of.bot) &&
      is(scope.groupId, of.group) &&
      is(scope.intent, of.intent) &&
      is(scope.channel, of.channel) &&
      is(scope.sentiment, of.sentiment) &&
      (!scope.segment || segments.includes(scope.segment)),
  );
}

/** What they come to, by the values of dimensions; each value by the JSON of the list. */
export function byValues<Content>(
  things: readonly Thing[],
  dimensions: readonly Dimension[],
  contentOf: (things: readonly Thing[]) => Content | undefined,
): Readonly<Record<string, Content>> {
  const parts = new Map<string, Thing[]>();
  for (const thing of things) {
    for (const segment of dimensions.includes('segment') ? thing.segments : ['']) {
      const values = dimensions.map((name) => {
        if (name === 'segment') return segment;
        return name === 'segments' ? thing.segments.toSorted().join(' + ') : thing.of[name];
      });
      const key = JSON.stringify(values);
      parts.set(key, [...(parts.get(key) ?? []), thing]);
    }
  }
  return Object.fromEntries(
    [...parts].flatMap(([key, part]) => {
      const content = contentOf(part);
      return content === undefined ? [] : [[key, content]];
    }),
  );
}

export function stateOfThings(things: readonly Thing[]): KpiState | undefined {
  const state = things.reduce((sum, thing) => addStates(sum, thing.state), emptyState);
  return Object.values(state).every((count) => count === 0) ? undefined : state;
}

export function binsOfThings(things: readonly Thing[]): ReadonlyMap<number, number> | undefined {
  const bins = new Map<number, number>();
  for (const { responseMs } of things) {
    if (responseMs === undefined) continue;
    bins.set(latencyBin(responseMs), (bins.get(latencyBin(responseMs)) ?? 0) + 1);
  }
  return bins.size === 0 ? undefined : bins;
}

export function revenueOfThings(things: readonly Thing[]): ReadonlyMap<string, RevenueSums> | undefined {
  const found = new Map<string, RevenueSums>();
  for (const { currency, revenue } of things) {
    if (revenue === undefined) continue;
    found.set(currency, addRevenue(found.get(currency) ?? emptyRevenue, revenue));
  }
  for (const [currency, sums] of found) if (isNoRevenue(sums)) found.delete(currency);
  return found.size === 0 ? undefined : found;
}

/** How many there are. */
export function membersOfThings(things: readonly Thing[]): number | undefined {
  const members = new Set(
    things.filter(({ kind }) => kind === 'interaction').flatMap(({ member }) => member || []),
  );
  return members.size || undefined;
}

/** How many paid in a currency; where bots are told apart, by what is known to be of one. */
export function payersOfThings(
  things: readonly Thing[],
  code: string,
  isOfBots: boolean,
): number | undefined {
  const payers = new Set(
    things
      .filter(({ currency, isPaid, isBotKnown }) => isPaid && currency === code && (isBotKnown || !isOfBots))
      .flatMap(({ member }) => member || []),
  );
  return payers.size || undefined;
}
