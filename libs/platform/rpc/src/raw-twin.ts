import type { DescMessage, DescMethodBiDiStreaming, DescMethodUnary } from '@bufbuild/protobuf';

/**
 * The same method with another message to read its requests with: a twin whose fields have the same numbers, but hold
 * as `bytes` what the other decodes. `repeated Event` and `repeated bytes` are the same on the wire.
 */
export function rawTwin<Input extends DescMessage, Output extends DescMessage, Twin extends DescMessage>(
  method: DescMethodUnary<Input, Output>,
  twin: Twin,
): DescMethodUnary<Twin, Output>;
export function rawTwin<Input extends DescMessage, Output extends DescMessage, Twin extends DescMessage>(
  method: DescMethodBiDiStreaming<Input, Output>,
  twin: Twin,
): DescMethodBiDiStreaming<Twin, Output>;
export function rawTwin(
  method: DescMethodUnary | DescMethodBiDiStreaming,
  twin: DescMessage,
): DescMethodUnary | DescMethodBiDiStreaming {
  return { ...method, input: twin };
}
