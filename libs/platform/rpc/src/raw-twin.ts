import type { DescMessage, DescMethodUnary } from '@bufbuild/protobuf';

/**
 * The same method with another message to read its requests with: a twin whose fields have the same numbers, but hold
 * as `bytes` what the other decodes. `repeated Event` and `repeated bytes` are the same on the wire.
 */
export function rawTwin<Input extends DescMessage, Output extends DescMessage, Twin extends DescMessage>(
  method: DescMethodUnary<Input, Output>,
  twin: Twin,
): DescMethodUnary<Twin, Output> {
  return { ...method, input: twin };
}
