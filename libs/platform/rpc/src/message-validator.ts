import { create, type DescMessage, type Message, type MessageShape } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import type { FieldViolation } from '@parley/errors';
import { createQuickCheck } from './quick-check.ts';
import { createSoundnessCheck } from './soundness.ts';

/** Says which rules of its contract a message breaks. */
export interface MessageValidator {
  /**
   * The rules that `message` breaks: those written in its contract, and those that hold for every message of ours
   * (finite numbers, instants in the years 1 to 9999, well-formed text without NUL). Empty when it is valid.
   * Paths begin at the message: `events[3].interaction.bot_id`. At most 100 are given.
   * @throws Error when a rule itself can't be compiled.
   */
  validate<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): readonly FieldViolation[];

  /** Compiles the rules of these messages, which takes up to 0.2 s, so that no call has to wait for it. */
  warmUp(schemas: Iterable<DescMessage>): void;
}

/** A whole batch may be wrong in every field; nobody reads more than this, and an answer must fit into headers. */
const maxViolations = 100;

/** A validator with compiled rules of its own; one per process is enough. */
export function createMessageValidator(): MessageValidator {
  const rules = createValidator();
  const soundness = createSoundnessCheck();
  const quick = createQuickCheck(soundness);

  function validate(schema: DescMessage, message: Message): readonly FieldViolation[] {
    if (quick.isPlainlyValid(schema, message)) return [];
    const unsound = soundness.check(schema, message);
    const result = rules.validate(schema, message);
    if (result.kind === 'error') {
      throw result.error;
    }
    if (result.kind === 'valid') {
      return unsound;
    }
    const told = new Set(unsound.map(({ field }) => field));
    const broken = result.violations
      .map(({ field, message: description, ruleId }) => ({
        field: pathToString(field),
        description,
        reason: ruleId.replaceAll(/[^A-Za-z0-9]+/g, '_').toUpperCase(),
      }))
      // The contracts exclude NUL alone by this rule, which is told already, without the character itself in it.
      .filter(({ field, reason }) => reason !== 'STRING_NOT_CONTAINS' || !told.has(field));
    return [...unsound, ...broken].slice(0, maxViolations);
  }

  return {
    validate,
    warmUp(schemas) {
      for (const schema of schemas) {
        validate(schema, create(schema));
      }
    },
  };
}
