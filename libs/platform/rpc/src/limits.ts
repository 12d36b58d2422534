/** Bounds of the edge. Times are in milliseconds, sizes in bytes. */
export interface RpcLimits {
  /** Sockets open at once; more are closed unread. */
  readonly maxConnections: number;
  /** From the connection to the end of the first request's headers. */
  readonly firstRequestMs: number;
  /** From a message's first byte, or a unary call's headers, to the message's last byte. */
  readonly messageMs: number;
  /** A connection without a call, or a stream without a message in either direction. */
  readonly idleMs: number;
  /** How long an answer waits for its reader to take more of it. */
  readonly writeMs: number;
  /** All headers of a request together, names and values. */
  readonly maxHeaderBytes: number;
  readonly maxHeaderCount: number;
  /** Calls open at once on one HTTP/2 connection. */
  readonly maxStreamsPerConnection: number;
  /** Calls that a connection may cancel at once, and per second after that. */
  readonly streamResetBurst: number;
  readonly streamResetRate: number;
  /** PING and SETTINGS of one HTTP/2 connection in a second; one that sends more is closed. */
  readonly maxControlFramesPerSecond: number;
  /** A message, compressed or not, of a method that says nothing else. */
  readonly maxMessageBytes: number;
  /** How deep messages may nest. */
  readonly maxMessageDepth: number;
  /** Bytes of requests held by all calls that are not answered yet; one caller may hold half of it. */
  readonly maxBytesInFlight: number;
  /** Calls that are not answered yet; one caller may hold half of them. */
  readonly maxCallsInFlight: number;
  /** Calls by one caller each second, and at once. */
  readonly callsPerSecond: number;
  readonly callBurst: number;
  /** A unary call that names no deadline, and the most that one may name: more is cut to it. */
  readonly unaryDefaultMs: number;
  readonly unaryMaxMs: number;
  /** The same for calls with a stream. */
  readonly streamDefaultMs: number;
  readonly streamMaxMs: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** What holds unless a service says otherwise, with the reason of each. */
export const defaultLimits: RpcLimits = {
  // Two thousand silent ones must not lock a good client out; an idle socket costs some ten kilobytes.
  maxConnections: 5000,
  // A client that speaks needs a round trip or two; who drips a byte a second is ended.
  firstRequestMs: 10_000,
  // A megabyte at one megabit a second takes 8 s.
  messageMs: 10_000,
  // Longer than the keep-alive of common clients and balancers, so that they are the ones to close.
  idleMs: 5 * minuteMs,
  // Long enough for a reader's garbage collection or a lost packet, short enough to free its buffers.
  writeMs: minuteMs,
  // Node's own limit for HTTP/1; for HTTP/2 Node announces such a limit but does not enforce it.
  maxHeaderBytes: 16 * KiB,
  maxHeaderCount: 100,
  // Node would announce 4,294,967,295; 128 is what other servers use, and clients open a second connection.
  maxStreamsPerConnection: 128,
  // Ends a rapid reset in under a second (Node's own 1,000 and 33 take 1.4 s).
  streamResetBurst: 100,
  streamResetRate: 10,
  // Some clients measure the line by a PING for each round trip while they receive a stream.
  maxControlFramesPerSecond: 2000,
  // No message but a batch needs more; methods with batches say so in the access policy.
  maxMessageBytes: 64 * KiB,
  // Contracts nest below ten; attributes may hold JSON.
  maxMessageDepth: 32,
  // 64 full batches; decoded they take about five times as much.
  maxBytesInFlight: 64 * MiB,
  // What one process answers in a second or two.
  maxCallsInFlight: 4000,
  // Above what one process can answer to single calls, so it only stops a caller who would take it all.
  callsPerSecond: 5000,
  callBurst: 10_000,
  // Nothing here takes longer than a second when all is well.
  unaryDefaultMs: 10_000,
  unaryMaxMs: minuteMs,
  // A tail lives long, but not for ever: whoever reads it comes back where it was.
  streamDefaultMs: hourMs,
  streamMaxMs: 24 * hourMs,
};

/** The size of a message for methods that take batches. */
export const batchMessageBytes = 1 * MiB;
