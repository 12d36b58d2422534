import type { JsonObject } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import type { Money } from '@parley/contracts/parley/type/v1/money';
import type { CopyValue } from '@parley/database';
import { eventKeyOf, minorUnitDigits } from '@parley/event';
import { toReading } from '../event-content/reading.ts';
import { scaleOf } from '../event-content/feedback-scale.ts';
import {
  aggregationPeriodName,
  feedbackTypeName,
  handoffActorName,
  metricCategoryName,
  outcomeName,
  sentimentName,
} from '../event-content/enum-names.ts';
import type { FactKind } from '../storage/fact-tables.ts';

/**
 * An event's own columns, in the order of its table; undefined for events of kinds that have no such table.
 * @param countedAt the time by which it counts: the producer's, unless that was corrected.
 */
export function factRowOf(
  { eventId, occurredAt, payload }: Event,
  countedAt: Date,
): { readonly kind: FactKind; readonly values: readonly CopyValue[] } | undefined {
  switch (payload.case) {
    case 'interaction': {
      const it = payload.value;
      const reading = toReading(it.understanding);
      const sentiment = sentimentName(it.sentiment);
      return {
        kind: 'interaction',
        values: [
          eventId,
          it.botId,
          text(it.groupId),
          text(it.memberId),
          text(it.conversationId),
          text(it.channel),
          text(it.messageText),
          it.intent || (reading?.intent ?? null),
          it.intentScore ?? (it.intent === '' ? reading?.intent_confidence : undefined) ?? null,
          sentiment ?? reading?.sentiment ?? null,
          text(it.responseText),
          milliseconds(it.responseTimeMs),
          text(it.errorCode),
          json(it.attributes),
          it.intent !== '',
          sentiment !== undefined,
          reading === undefined ? null : JSON.stringify(reading),
          reportedAt(occurredAt, countedAt),
          it.responseOmitted,
        ],
      };
    }
    case 'completion': {
      const it = payload.value;
      return {
        kind: 'completion',
        values: [
          it.interactionId,
          text(it.responseText),
          milliseconds(it.responseTimeMs),
          text(it.errorCode),
          json(it.attributes),
          it.responseOmitted,
        ],
      };
    }
    case 'conversion': {
      const it = payload.value;
      return {
        kind: 'conversion',
        values: [
          eventId,
          it.interactionId,
          eventKeyOf(it.interactionId),
          text(it.botId),
          text(it.groupId),
          text(it.memberId),
          text(it.intent),
          text(it.triggerMessage),
          it.intentScore ?? null,
          text(it.botMessage),
          outcomeName(it.outcome),
          text(it.conversionType),
          ...money(it.value),
          it.checkoutCompleted,
          JSON.stringify(it.pagesVisited),
          it.timeToConversionSeconds ?? null,
          json(it.attributes),
        ],
      };
    }
    case 'refund': {
      const it = payload.value;
      return {
        kind: 'refund',
        values: [
          eventId,
          it.conversionId,
          eventKeyOf(it.conversionId),
          ...money(it.value),
          text(it.reason),
          json(it.attributes),
        ],
      };
    }
    case 'feedback': {
      const it = payload.value;
      const { min, max } = scaleOf(it);
      return {
        kind: 'feedback',
        values: [
          eventId,
          feedbackTypeName(it.type),
          it.rating ?? null,
          min,
          max,
          text(it.interactionId),
          text(it.conversationId),
          text(it.botId),
          text(it.groupId),
          text(it.memberId),
          text(it.comment),
          json(it.attributes),
        ],
      };
    }
    case 'handoff': {
      const it = payload.value;
      return {
        kind: 'handoff',
        values: [
          eventId,
          text(it.interactionId),
          text(it.conversationId),
          text(it.botId),
          text(it.groupId),
          text(it.memberId),
          text(it.reason),
          handoffActorName(it.actor) ?? null,
          json(it.attributes),
        ],
      };
    }
    case 'botPerformanceMetric': {
      const it = payload.value;
      return {
        kind: 'botPerformanceMetric',
        values: [
          eventId,
          it.botId,
          metricCategoryName(it.metricCategory),
          it.metricType,
          it.metricValue,
          aggregationPeriodName(it.aggregationPeriod),
          it.sampleSize,
          json(it.attributes),
        ],
      };
    }
    default:
      return undefined;
  }
}

/** The producer's time where another counts in its place. */
function reportedAt(occurredAt: Event['occurredAt'], countedAt: Date): Date | null {
  const reported = occurredAt && timestampDate(occurredAt);
  return reported === undefined || reported.getTime() === countedAt.getTime() ? null : reported;
}

/** On the wire, empty means: not given. */
function text(value: string): string | null {
  return value === '' ? null : value;
}

function milliseconds(value: bigint | undefined): number | null {
  return value === undefined ? null : Number(value);
}

function json(value: JsonObject | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

function money(value: Money | undefined): [CopyValue, CopyValue, CopyValue] {
  if (value === undefined) return [null, null, null];
  return [value.minorUnits, value.currencyCode, minorUnitDigits(value.currencyCode)];
}
