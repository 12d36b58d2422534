import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

const interactionField = 10;
const textField = 6;
const intentField = 7;
const sentimentField = 9;
const understandingField = 16;

/** What an interaction's bytes say of how it has been read. */
export interface ReadState {
  readonly hasText: boolean;
  readonly hasIntent: boolean;
  readonly hasSentiment: boolean;
  readonly hasUnderstanding: boolean;
}

/** Looks at the tags of an event without decoding it: most of the log has nothing to be read. */
export function readStateOf(body: Uint8Array): ReadState {
  const state = { hasText: false, hasIntent: false, hasSentiment: false, hasUnderstanding: false };
  const event = new BinaryReader(body);
  while (event.pos < event.len) {
    const [field, type] = event.tag();
    if (field !== interactionField || type !== WireType.LengthDelimited) {
      event.skip(type, field);
      continue;
    }
    const end = event.uint32() + event.pos;
    while (event.pos < end) {
      const [inner, innerType] = event.tag();
      const from = event.pos;
      event.skip(innerType, inner);
      // An empty text, and a zero, take one byte.
      const isSaid = event.pos - from > 1 || (inner === sentimentField && body[from] !== 0);
      if (inner === textField) state.hasText = isSaid;
      if (inner === intentField) state.hasIntent = isSaid;
      if (inner === sentimentField) state.hasSentiment = isSaid;
      if (inner === understandingField) state.hasUnderstanding = true;
    }
  }
  return state;
}
