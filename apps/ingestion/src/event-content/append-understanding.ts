import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

const interactionField = 10;
const understandingField = 16;

/**
 * The bytes of an interaction's event with an Understanding behind them. Protobuf merges a message that comes twice, so
 * what came stays as it came, to the byte, and is not encoded again.
 */
export function appendUnderstanding(event: Uint8Array, understanding: Uint8Array): Uint8Array {
  const interaction = new BinaryWriter()
    .tag(understandingField, WireType.LengthDelimited)
    .bytes(understanding)
    .finish();
  const read = new BinaryWriter().tag(interactionField, WireType.LengthDelimited).bytes(interaction).finish();
  const both = new Uint8Array(event.length + read.length);
  both.set(event);
  both.set(read, event.length);
  return both;
}
