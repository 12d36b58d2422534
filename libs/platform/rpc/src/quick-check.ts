import {
  getOption,
  hasOption,
  ScalarType,
  type DescField,
  type DescMessage,
  type Message,
} from '@bufbuild/protobuf';
import type { SoundnessCheck } from './soundness.ts';
import { reflect } from '@bufbuild/protobuf/reflect';
import {
  field as fieldRules,
  FieldRulesSchema,
  Ignore,
  message as messageRules,
  oneof as oneofRules,
  type FieldRules,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

/** Says in a fraction of the time that a message is sound and keeps its contract's rules, where that is plain to see. */
export interface QuickCheck {
  /** True: it is and does. False: nobody knows; the full checks must be asked, which also say what is wrong. */
  isPlainlyValid(schema: DescMessage, message: Message): boolean;
}

type Check = (value: unknown) => boolean;

const never: Check = () => false;
const isFinite: Check = (value) => Number.isFinite(value);
const scalarChecks: ReadonlyMap<ScalarType, Check> = new Map([
  [ScalarType.DOUBLE, isFinite],
  [ScalarType.FLOAT, isFinite],
  [ScalarType.STRING, (value) => typeof value === 'string' && !value.includes('\0') && value.isWellFormed()],
]);

/**
 * Compiles the rules of contracts that are simple: lengths of text (code points are no more than UTF-16 units), bounds of
 * numbers, enums, presence. A message with any other rule is never plainly valid.
 */
export function createQuickCheck(soundness: SoundnessCheck): QuickCheck {
  const compiled = new Map<string, Check>();

  function checkOf(schema: DescMessage): Check {
    const known = compiled.get(schema.typeName);
    if (known !== undefined) return known;
    let inner: Check = never;
    // In place before its fields are compiled, since a message may contain itself.
    compiled.set(schema.typeName, (value) => inner(value));
    inner = compileMessage(schema);
    compiled.set(schema.typeName, inner);
    return inner;
  }

  function compileMessage(schema: DescMessage): Check {
    if (hasOption(schema, messageRules)) return never;
    const fields: { readonly name: string; readonly check: Check }[] = [];
    for (const member of schema.members) {
      if (member.kind === 'field') {
        const check = compileField(member);
        if (check !== undefined) fields.push({ name: member.localName, check });
      } else {
        const cases = new Map(member.fields.map((field) => [field.localName, compileField(field)]));
        const isRequired = hasOption(member, oneofRules) && getOption(member, oneofRules).required;
        fields.push({
          name: member.localName,
          check: (choice) => {
            const name = property(choice, 'case');
            if (typeof name !== 'string') return !isRequired;
            return cases.get(name)?.(property(choice, 'value')) ?? true;
          },
        });
      }
    }
    return (message) => fields.every(({ name, check }) => check(property(message, name)));
  }

  /** Undefined for a field that is always valid. */
  function compileField(field: DescField): Check | undefined {
    const rules = hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;
    if (rules?.ignore === Ignore.ALWAYS) return undefined;
    if (rules !== undefined && !isSimple(rules)) return never;
    const own = rules === undefined ? undefined : compileRules(field, rules);
    const inner = compileContent(field, rules);
    const checks = [own, inner].filter((check) => check !== undefined);
    if (checks.length === 0 && rules?.required !== true) return undefined;
    return (value) => {
      if (value === undefined) return rules?.required !== true;
      return checks.every((check) => check(value));
    };
  }

  function compileContent(field: DescField, rules: FieldRules | undefined): Check | undefined {
    switch (field.fieldKind) {
      case 'scalar':
        return scalarChecks.get(field.scalar);
      case 'message':
        return contentOf(field.message);
      case 'list': {
        const items = rules?.type.case === 'repeated' ? rules.type.value.items : undefined;
        if (items?.ignore === Ignore.ALWAYS) return undefined;
        if (items !== undefined && !isSimple(items)) return never;
        const checks = [
          items === undefined ? undefined : compileRules(field, items),
          field.listKind === 'message' ? contentOf(field.message) : undefined,
          field.listKind === 'scalar' ? scalarChecks.get(field.scalar) : undefined,
        ].filter((check) => check !== undefined);
        if (checks.length === 0) return undefined;
        return (list) =>
          Array.isArray(list) && list.every((item: unknown) => checks.every((check) => check(item)));
      }
      case 'map':
        return never;
      case 'enum':
        return undefined;
    }
  }

  function contentOf(message: DescMessage): Check {
    if (!isGoogles(message)) return checkOf(message);
    return (value) => soundness.check(message, value as Message).length === 0;
  }

  return { isPlainlyValid: (schema, message) => checkOf(schema)(message) };
}

function compileRules(field: DescField, { required, type }: FieldRules): Check | undefined {
  // Without presence, "required" means another value than none.
  if (required && field.fieldKind !== 'message') return never;
  switch (type.case) {
    case undefined:
      return undefined;
    case 'string': {
      const { minLen, maxLen, notContains } = type.value;
      if (!sets(type.value, ['min_len', 'max_len', 'not_contains', 'pattern']) || minLen > 1n) return never;
      const pattern = has(type.value, 'pattern') ? new RegExp(type.value.pattern, 'u') : undefined;
      const most = has(type.value, 'max_len') ? Number(maxLen) : Infinity;
      return (value) =>
        typeof value === 'string' &&
        value.length <= most &&
        (minLen === 0n || value !== '') &&
        (pattern === undefined || pattern.test(value)) &&
        (notContains === '' || !value.includes(notContains));
    }
    case 'double':
    case 'float':
    case 'int32':
    case 'int64': {
      const { greaterThan, lessThan } = type.value;
      if (!sets(type.value, ['gte', 'lte'])) return never;
      const least = greaterThan.case === undefined ? undefined : greaterThan.value;
      const most = lessThan.case === undefined ? undefined : lessThan.value;
      if (least !== undefined && most !== undefined && least > most) return never;
      return (value) =>
        (typeof value === 'number' || typeof value === 'bigint') &&
        (least === undefined || value >= least) &&
        (most === undefined || value <= most);
    }
    case 'enum': {
      const { notIn, definedOnly } = type.value;
      const desc = field.fieldKind === 'enum' || field.fieldKind === 'list' ? field.enum : undefined;
      if (!sets(type.value, ['defined_only', 'not_in']) || desc === undefined) return never;
      const allowed = new Set(
        desc.values.map(({ number }) => number).filter((number) => !notIn.includes(number)),
      );
      return definedOnly ? (value) => typeof value === 'number' && allowed.has(value) : never;
    }
    case 'repeated': {
      const { minItems, maxItems } = type.value;
      if (!sets(type.value, ['min_items', 'max_items', 'items'])) return never;
      const most = has(type.value, 'max_items') ? Number(maxItems) : Infinity;
      return (value) => Array.isArray(value) && value.length >= minItems && value.length <= most;
    }
    default:
      return never;
  }
}

/** Only a type's rules, presence, and how to ignore them are set. */
function isSimple(rules: FieldRules): boolean {
  const fields = reflect(FieldRulesSchema, rules);
  return (
    rules.$unknown === undefined &&
    fields.sortedFields.every(
      (field) =>
        !fields.isSet(field) || field.oneof !== undefined || ['required', 'ignore'].includes(field.name),
    )
  );
}

/** Nothing but these rules is set, neither here nor in an extension. */
function sets(rules: Message, names: readonly string[]): boolean {
  const fields = fieldsOf(rules);
  return rules.$unknown === undefined && fields.every((name) => names.includes(name));
}

function has(rules: Message, name: string): boolean {
  return fieldsOf(rules).includes(name);
}

function fieldsOf(rules: Message): readonly string[] {
  const type = FieldRulesSchema.fields.find(
    ({ fieldKind, message }) => fieldKind === 'message' && message?.typeName === rules.$typeName,
  );
  if (type?.fieldKind !== 'message') return ['of no known type'];
  const fields = reflect(type.message, rules);
  return fields.sortedFields.filter((field) => fields.isSet(field)).map(({ name }) => name);
}

/** Google's own types carry no rules, and some are kept as plain values by the generated code. */
function isGoogles({ typeName }: DescMessage): boolean {
  return typeName.startsWith('google.protobuf.');
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
