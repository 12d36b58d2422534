import type { Duration } from '@bufbuild/protobuf/wkt';

/** A duration in ms. */
export const millisecondsOf = ({ seconds, nanos }: Duration): number => Number(seconds) * 1000 + nanos / 1e6;
