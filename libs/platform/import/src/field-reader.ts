import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type FieldViolation, invalidArgument } from '@parley/errors';

/** Reads the fields of one line, each once, and keeps what nobody asked for. `null` and a missing field are the same. */
export class FieldReader {
  readonly #fields: JsonObject;
  readonly #read = new Set<string>();

  constructor(fields: JsonObject) {
    this.#fields = fields;
  }

  /** A text; numbers and booleans are taken as their text, since ids are often numbers. */
  text(name: string): string | undefined {
    const value = this.#take(name);
    switch (typeof value) {
      case 'undefined':
        return undefined;
      case 'string':
        if (!value.isWellFormed()) throw broken(name, 'must be well-formed Unicode');
        return value;
      case 'number':
      case 'boolean':
        return String(value);
      default:
        throw broken(name, 'must be a text');
    }
  }

  number(name: string): number | undefined {
    const value = this.#take(name);
    if (value === undefined || typeof value === 'number') return value;
    throw broken(name, 'must be a number');
  }

  /** A whole number, exact: at most 2^53 - 1 either way. */
  integer(name: string): number | undefined {
    const value = this.number(name);
    if (value === undefined || Number.isSafeInteger(value)) return value;
    throw broken(name, 'must be a whole number');
  }

  flag(name: string): boolean | undefined {
    const value = this.#take(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw broken(name, 'must be true or false');
  }

  /** A list of texts; one text alone is a list of one. */
  texts(name: string): string[] | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (typeof value === 'string') return [value];
    if (Array.isArray(value) && value.every((item) => typeof item === 'string' && item.isWellFormed())) {
      return value as string[];
    }
    throw broken(name, 'must be a list of texts');
  }

  /** An object; what is none is left to `rest`. */
  object(name: string): JsonObject | undefined {
    const value = this.#fields[name];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    this.#read.add(name);
    return value;
  }

  /** An RFC 3339 instant; without zone it is UTC, as the guide's `utcnow()` writes it. */
  instant(name: string): Date | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const match = typeof value === 'string' ? instantPattern.exec(value) : null;
    const instant = match ? new Date(`${match[1]}T${match[2]}${match[3] ?? 'Z'}`) : undefined;
    // `Date` takes 30 February for 2 March; the day that comes out must be the one that was written.
    if (!instant || Number.isNaN(instant.getTime()) || !isCalendarDay(match?.[1] ?? '')) {
      throw broken(name, 'must be an RFC 3339 instant, such as 2026-03-01T08:15:00Z');
    }
    return instant;
  }

  /** One of the names of a table. */
  named<Value>(name: string, table: Readonly<Record<string, Value>>): Value | undefined {
    const text = this.text(name);
    if (text === undefined || text === '') return undefined;
    const value = Object.hasOwn(table, text) ? table[text] : undefined;
    if (value === undefined) throw broken(name, `must be one of ${Object.keys(table).join(', ')}`);
    return value;
  }

  /** Everything that was not read, with its values as they are. */
  rest(): JsonObject {
    return Object.fromEntries(
      Object.entries(this.#fields).filter(([name, value]) => !this.#read.has(name) && value !== null),
    );
  }

  #take(name: string): Exclude<JsonValue, null> | undefined {
    this.#read.add(name);
    return this.#fields[name] ?? undefined;
  }
}

const instantPattern = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2}(?:\.\d+)?)([Zz]|[+-]\d{2}:\d{2})?$/;

function isCalendarDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}

function broken(field: string, description: string): Error {
  const violation: FieldViolation = { field, description };
  return invalidArgument([violation]);
}
