import { toJson } from '@bufbuild/protobuf';
import type { DescEnum, JsonValue } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import type { ReflectMessage } from '@bufbuild/protobuf/reflect';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';

/**
 * An event as JSON, also one that protobuf's JSON can't hold, as it may be in quarantine: what has a form of its own there
 * and breaks its rules is given by its fields. A time beyond the year 9999 is `{"seconds":"253402300800"}`, and a number
 * that is none is `{"numberValue":"NaN"}`.
 */
export function eventJson(event: Event): JsonValue {
  return messageJson(reflect(EventSchema, event));
}

function messageJson(reflected: ReflectMessage): JsonValue {
  try {
    return toJson(reflected.desc, reflected.message);
  } catch {
    const set = reflected.fields.filter((field) => reflected.isSet(field));
    return Object.fromEntries(
      set.map((field) => {
        switch (field.fieldKind) {
          case 'message':
            return [field.jsonName, messageJson(reflected.get(field))];
          case 'list':
            return [field.jsonName, Array.from(reflected.get(field), (item) => valueJson(item, field.enum))];
          case 'map':
            return [
              field.jsonName,
              Object.fromEntries(
                Array.from(reflected.get(field), ([key, item]) => [String(key), valueJson(item, field.enum)]),
              ),
            ];
          default:
            return [field.jsonName, valueJson(reflected.get(field), field.enum)];
        }
      }),
    );
  }
}

function valueJson(value: unknown, names: DescEnum | undefined): JsonValue {
  if (isReflected(value)) return messageJson(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? (names?.value[value]?.name ?? value) : String(value);
    case 'string':
    case 'boolean':
      return value;
    default:
      return String(value);
  }
}

function isReflected(value: unknown): value is ReflectMessage {
  return typeof value === 'object' && value !== null && 'desc' in value && 'message' in value;
}
