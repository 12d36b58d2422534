import {
  getOption,
  hasOption,
  ScalarType,
  type DescField,
  type DescMessage,
  type Message,
} from '@bufbuild/protobuf';
import { field as fieldRules, Ignore } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import type { FieldViolation } from '@parley/errors';

/** Looks for values that the wire allows but nothing behind it can hold. */
export interface SoundnessCheck {
  /** At most 100 violations, with paths from the message. */
  check(schema: DescMessage, message: Message): FieldViolation[];
}

type Report = (path: string, description: string, reason: string) => void;
type Check = (value: unknown, path: string, report: Report) => void;

const maxViolations = 100;

/**
 * Checks every field, nested ones too: numbers are finite (one NaN spoils a sum in Postgres), text is well-formed and
 * without NUL (which Postgres can't store), a Timestamp is in the years 1 to 9999 and a Duration within 10,000 years.
 * Fields that their contract says to ignore (`IGNORE_ALWAYS`: items of a batch, judged one by one) are left out.
 * Descriptors are compiled once to a list of the fields that can be wrong, so that a message costs less than parsing it.
 */
export function createSoundnessCheck(): SoundnessCheck {
  const compiled = new Map<string, Check>();

  function checkOf(schema: DescMessage): Check {
    const known = compiled.get(schema.typeName);
    if (known !== undefined) {
      return known;
    }
    let inner: Check = () => undefined;
    // In place before its fields are compiled, since a message may contain itself.
    compiled.set(schema.typeName, (value, path, report) => inner(value, path, report));
    inner = compileMessage(schema);
    compiled.set(schema.typeName, inner);
    return inner;
  }

  function compileMessage(schema: DescMessage): Check {
    const own = wellKnown.get(schema.typeName);
    if (own !== undefined) {
      return own;
    }
    const fields = schema.fields.flatMap((field) => {
      const check = isIgnored(field) ? undefined : compileField(field);
      return check === undefined ? [] : [{ field, check }];
    });
    return (message, path, report) => {
      for (const { field, check } of fields) {
        const value = read(message, field);
        if (value !== undefined) {
          check(value, path === '' ? field.name : `${path}.${field.name}`, report);
        }
      }
    };
  }

  function compileField(field: DescField): Check | undefined {
    switch (field.fieldKind) {
      case 'scalar':
        return scalarChecks.get(field.scalar);
      case 'enum':
        return undefined;
      case 'message':
        return checkOf(field.message);
      case 'list': {
        const item =
          field.listKind === 'message'
            ? checkOf(field.message)
            : field.listKind === 'scalar'
              ? scalarChecks.get(field.scalar)
              : undefined;
        return (
          item &&
          ((list, path, report) => {
            if (Array.isArray(list)) {
              list.forEach((value: unknown, index) => item(value, `${path}[${index}]`, report));
            }
          })
        );
      }
      case 'map': {
        const key = scalarChecks.get(field.mapKey);
        const item =
          field.mapKind === 'message'
            ? checkOf(field.message)
            : field.mapKind === 'scalar'
              ? scalarChecks.get(field.scalar)
              : undefined;
        if (key === undefined && item === undefined) {
          return undefined;
        }
        return (map, path, report) => {
          if (typeof map === 'object' && map !== null) {
            for (const [name, value] of Object.entries(map)) {
              const at = `${path}[${JSON.stringify(name)}]`;
              key?.(name, at, report);
              item?.(value, at, report);
            }
          }
        };
      }
    }
  }

  return {
    check(schema, message) {
      const found: FieldViolation[] = [];
      checkOf(schema)(message, '', (field, description, reason) => {
        if (found.length < maxViolations) {
          found.push({ field, description, reason });
        }
      });
      return found;
    },
  };
}

/** The value of a field as the generated code keeps it: by its local name, or inside its oneof. */
function read(message: unknown, field: DescField): unknown {
  const holder = field.oneof === undefined ? message : property(message, field.oneof.localName);
  if (field.oneof === undefined) {
    return property(holder, field.localName);
  }
  return property(holder, 'case') === field.localName ? property(holder, 'value') : undefined;
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function isIgnored(field: DescField): boolean {
  if (!hasOption(field, fieldRules)) {
    return false;
  }
  const rules = getOption(field, fieldRules);
  const items = rules.type.case === 'repeated' ? rules.type.value.items : undefined;
  return rules.ignore === Ignore.ALWAYS || items?.ignore === Ignore.ALWAYS;
}

const checkNumber: Check = (value, path, report) => {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    report(path, 'must be a finite number', 'NUMBER_NOT_FINITE');
  }
};

const checkText: Check = (value, path, report) => {
  if (typeof value !== 'string') {
    return;
  }
  if (value.includes('\0')) {
    report(path, 'must not contain the character NUL', 'TEXT_CONTAINS_NUL');
  }
  if (!value.isWellFormed()) {
    report(path, 'must be well-formed Unicode, without lone surrogates', 'TEXT_NOT_WELL_FORMED');
  }
};

const scalarChecks: ReadonlyMap<ScalarType, Check> = new Map([
  [ScalarType.DOUBLE, checkNumber],
  [ScalarType.FLOAT, checkNumber],
  [ScalarType.STRING, checkText],
]);

const firstSecond = -62_135_596_800n; // 0001-01-01T00:00:00Z
const lastSecond = 253_402_300_799n; // 9999-12-31T23:59:59Z
const longestSeconds = 315_576_000_000n; // google/protobuf/duration.proto

const checkTimestamp: Check = (value, path, report) => {
  const seconds = property(value, 'seconds');
  const nanos = property(value, 'nanos');
  if (typeof seconds !== 'bigint' || seconds < firstSecond || seconds > lastSecond) {
    report(path, 'must be in the years 1 to 9999', 'TIMESTAMP_OUT_OF_RANGE');
  } else if (typeof nanos !== 'number' || nanos < 0 || nanos > 999_999_999) {
    report(path, 'must have nanos from 0 to 999,999,999', 'TIMESTAMP_NANOS_OUT_OF_RANGE');
  }
};

const checkDuration: Check = (value, path, report) => {
  const seconds = property(value, 'seconds');
  const nanos = property(value, 'nanos');
  const isSound =
    typeof seconds === 'bigint' &&
    typeof nanos === 'number' &&
    seconds >= -longestSeconds &&
    seconds <= longestSeconds &&
    Math.abs(nanos) <= 999_999_999 &&
    (seconds === 0n || nanos === 0 || seconds > 0n === nanos > 0);
  if (!isSound) {
    report(path, 'must be at most 10,000 years, with seconds and nanos of one sign', 'DURATION_OUT_OF_RANGE');
  }
};

/** A Struct's message field is kept as plain JSON by the generated code. */
const checkJson: Check = (value, path, report) => {
  if (Array.isArray(value)) {
    value.forEach((item: unknown, index) => checkJson(item, `${path}[${index}]`, report));
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      const at = path === '' ? name : `${path}.${name}`;
      checkText(name, at, report);
      checkJson(item, at, report);
    }
  } else {
    checkNumber(value, path, report);
    checkText(value, path, report);
  }
};

/** A wrapper's message field is kept as the bare value by the generated code. */
function unwrapped(check: Check): Check {
  return (value, path, report) => check(property(value, 'value') ?? value, path, report);
}

const wellKnown: ReadonlyMap<string, Check> = new Map([
  ['google.protobuf.Timestamp', checkTimestamp],
  ['google.protobuf.Duration', checkDuration],
  ['google.protobuf.Struct', checkJson],
  ['google.protobuf.StringValue', unwrapped(checkText)],
  ['google.protobuf.DoubleValue', unwrapped(checkNumber)],
  ['google.protobuf.FloatValue', unwrapped(checkNumber)],
]);
