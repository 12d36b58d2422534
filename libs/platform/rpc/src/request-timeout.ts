/** How a protocol sends a call's time-out, and in which largest unit a number of milliseconds fits into it. */
interface TimeoutHeader {
  readonly name: string;
  readonly parse: (value: string) => number | undefined;
  readonly format: (ms: number) => string;
}

const millisecondsByUnit: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000001,
};

const grpc: TimeoutHeader = {
  name: 'grpc-timeout',
  parse(value) {
    const [, amount, unit] = /^(\d{1,8})([HMSmun])$/.exec(value) ?? [];
    const ms = millisecondsByUnit[unit ?? ''];
    return ms === undefined ? undefined : Number(amount) * ms;
  },
  // Eight digits are all that the protocol allows.
  format: (ms) => (ms < 1e8 ? `${Math.ceil(ms)}m` : `${Math.ceil(ms / 1000)}S`),
};

const connect: TimeoutHeader = {
  name: 'connect-timeout-ms',
  parse: (value) => (/^\d{1,10}$/.test(value) ? Number(value) : undefined),
  format: (ms) => String(Math.ceil(ms)),
};

/**
 * Gives a request its deadline, in place: the default where it names none, the maximum where it asks for more (the
 * library would refuse that, and its timer fires at once beyond 24 days). One that can't be read is left to be refused.
 * @returns the time that the call has, in ms.
 */
export function settleTimeout(header: Headers, isGrpc: boolean, defaultMs: number, maxMs: number): number {
  const { name, parse, format } = isGrpc ? grpc : connect;
  const asked = header.get(name);
  const ms = asked === null ? defaultMs : parse(asked);
  if (ms === undefined) {
    return defaultMs;
  }
  if (asked === null || ms > maxMs) {
    header.set(name, format(Math.min(ms, maxMs)));
  }
  return Math.min(ms, maxMs);
}
