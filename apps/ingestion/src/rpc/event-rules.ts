import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { FeedbackType } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event, Feedback } from '@parley/contracts/parley/ingestion/v1/event';
import type { Money } from '@parley/contracts/parley/type/v1/money';
import type { FieldViolation } from '@parley/errors';
import { findScaleOfType, scaleOf } from '../event-content/feedback-scale.ts';

// The rules that the contract states in words, since its validation rules can't say them.

/** Attributes of one event: enough for notes, too little to hide a document in. */
export const attributeLimits = { entries: 64, depth: 8, bytes: 32_768 } as const;

const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** Whether ISO 4217 has, or had, a currency of this code. */
export function isCurrency(code: string): boolean {
  return currencies.has(code);
}

/** The rules in words that an event breaks; paths from the event. */
export function findBrokenRules({ eventId, payload }: Event): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  const report = (field: string, description: string, reason: string) =>
    void violations.push({ field, description, reason });
  switch (payload.case) {
    case undefined:
    case 'enrichment':
    case 'consent':
    case 'erasure':
    case 'tick':
      return violations;
    case 'completion':
      if (eventId !== '' && eventId !== payload.value.interactionId) {
        report('event_id', 'must be empty or the interaction_id of the completion', 'COMPLETION_ID_DIFFERS');
      }
      break;
    case 'conversion':
    case 'refund':
      if (payload.value.value !== undefined) {
        checkMoney(payload.value.value, `${payload.case}.value`, report);
      }
      break;
    case 'feedback':
      checkRating(payload.value, report);
      break;
    case 'interaction':
      if (payload.value.understanding !== undefined) {
        report('interaction.understanding', 'is written by Parley alone', 'FIELD_NOT_ALLOWED');
      }
      break;
    case 'handoff':
    case 'member':
    case 'user':
    case 'botPerformanceMetric':
    case 'exposure':
      break;
  }
  if (payload.value.attributes !== undefined) {
    const name = payload.case === 'botPerformanceMetric' ? 'bot_performance_metric' : payload.case;
    checkAttributes(payload.value.attributes, `${name}.attributes`, report);
  }
  return violations;
}

type Report = (field: string, description: string, reason: string) => void;

function checkMoney({ currencyCode, minorUnits }: Money, path: string, report: Report): void {
  if (minorUnits < 0n) {
    report(`${path}.minor_units`, 'must not be negative', 'MONEY_NEGATIVE');
  }
  if (!isCurrency(currencyCode)) {
    report(`${path}.currency_code`, 'must be a currency of ISO 4217', 'CURRENCY_UNKNOWN');
  }
}

function checkRating(feedback: Feedback, report: Report): void {
  const { type, rating, scaleMin, scaleMax } = feedback;
  const usual = findScaleOfType(type);
  // An unknown type has no scale; the contract's own rule refuses it.
  if (usual === undefined) return;
  // Answers on other scales could not be compared with what everybody means by these names.
  if (type === FeedbackType.NPS || type === FeedbackType.THUMBS) {
    if (scaleMin !== undefined && scaleMin !== usual.min) {
      report('feedback.scale_min', `must be ${usual.min} for this type`, 'SCALE_FIXED');
    }
    if (scaleMax !== undefined && scaleMax !== usual.max) {
      report('feedback.scale_max', `must be ${usual.max} for this type`, 'SCALE_FIXED');
    }
  }
  const { min, max } = scaleOf(feedback);
  if (min >= max) {
    report('feedback.scale_max', `must be above the scale's lowest rating, ${min}`, 'SCALE_EMPTY');
  } else if (rating !== undefined && (rating < min || rating > max)) {
    report('feedback.rating', `must be from ${min} to ${max}`, 'RATING_OUTSIDE_SCALE');
  } else if (type === FeedbackType.THUMBS && rating !== undefined && rating !== 0 && rating !== 1) {
    report('feedback.rating', 'must be 0 or 1 for this type', 'RATING_OUTSIDE_SCALE');
  }
}

function checkAttributes(attributes: JsonObject, path: string, report: Report): void {
  const { entries, depth, bytes } = attributeLimits;
  if (Object.keys(attributes).length > entries) {
    report(path, `must have at most ${entries} entries`, 'TOO_MANY_ATTRIBUTES');
  }
  const size = sizeOf(attributes, depth);
  if (size === undefined) {
    report(path, `must not nest deeper than ${depth}`, 'ATTRIBUTES_TOO_DEEP');
  } else if (size > bytes) {
    report(path, `must hold at most ${bytes} bytes`, 'ATTRIBUTES_TOO_LARGE');
  }
}

/** Bytes of text, and eight for every value; undefined when it nests deeper than `depthLeft`. */
function sizeOf(value: JsonValue, depthLeft: number): number | undefined {
  if (typeof value === 'string') return 8 + Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null) return 8;
  if (depthLeft === 0) return undefined;
  let size = 8;
  for (const [name, item] of Object.entries(value)) {
    const inner = sizeOf(item, depthLeft - 1);
    if (inner === undefined) return undefined;
    size += inner + (Array.isArray(value) ? 0 : Buffer.byteLength(name));
  }
  return size;
}
