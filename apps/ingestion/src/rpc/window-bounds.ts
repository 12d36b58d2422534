import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { invalidArgument } from '@parley/errors';

/**
 * A filter's half-open window, either side of which may be open.
 * @throws DomainError `invalid-argument` (WINDOW_REVERSED) when it ends before it begins.
 */
export function windowBounds(request: {
  readonly windowStart?: Timestamp | undefined;
  readonly windowEnd?: Timestamp | undefined;
}): { readonly windowStart: Date | undefined; readonly windowEnd: Date | undefined } {
  const windowStart = request.windowStart && timestampDate(request.windowStart);
  const windowEnd = request.windowEnd && timestampDate(request.windowEnd);
  if (windowStart !== undefined && windowEnd !== undefined && windowStart > windowEnd) {
    throw invalidArgument([
      { field: 'window_end', description: 'must not be before window_start', reason: 'WINDOW_REVERSED' },
    ]);
  }
  return { windowStart, windowEnd };
}
