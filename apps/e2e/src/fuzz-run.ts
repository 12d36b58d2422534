import { setTimeout as sleep } from 'node:timers/promises';
import {
  create,
  createRegistry,
  toBinary,
  toJsonString,
  type DescMessage,
  type Message,
} from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { codeFromString } from '@connectrpc/connect/protocol-connect';
import { randomMessage } from './random-message.ts';
import { mutate } from './mutate.ts';
import { readProcessMemory } from './process-memory.ts';
import { createRandom, integerIn, pick } from './seeded-random.ts';
import type { ServedMethod } from './served-methods.ts';
import { envelope, openWire, type Wire, type WireAnswer } from './wire.ts';

export interface FuzzOptions {
  readonly url: string;
  /** Of the process that serves. */
  readonly pid: number;
  readonly methods: readonly ServedMethod[];
  readonly headersOf: (method: ServedMethod) => Readonly<Record<string, string>>;
  readonly seed: number;
  readonly messages: number;
  readonly onProgress?: (sent: number) => void;
}

export interface FuzzReport {
  readonly sent: number;
  /** How often each code was answered, by its name. */
  readonly codes: Readonly<Record<string, number>>;
  /** How often each method's answer was OK: that it was reached, not only guarded. */
  readonly taken: Readonly<Record<string, number>>;
  /** Answers that must not be, with what led to them. */
  readonly faults: readonly string[];
  /** Resident memory of the server in MiB: before, at most, and after. */
  readonly memoryMiB: { readonly before: number; readonly most: number; readonly after: number };
  /** The longest that a call for life had to wait, in ms. */
  readonly longestPauseMs: number;
}

const inFlight = 16;
const listedFaults = 20;

/**
 * Sends messages made from the descriptors, some whole and some with faults, in every protocol, to every method in turn.
 * The same seed sends the same.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { url, pid, methods, headersOf, seed, messages, onProgress } = options;
  const random = createRandom(seed);
  const codes = new Map<string, number>();
  const taken = new Map(methods.map(({ path }) => [path, 0]));
  const faults: string[] = [];
  const before = await readProcessMemory(pid);
  let most = before;
  let longestPauseMs = 0;
  let sent = 0;
  let wire = await openWire(url);

  const watch = async (): Promise<void> => {
    const asked = performance.now();
    await fetch(`${url}/livez`, { signal: AbortSignal.timeout(30_000) });
    longestPauseMs = Math.max(longestPauseMs, performance.now() - asked);
    most = Math.max(most, await readProcessMemory(pid));
  };

  const sendOne = async (): Promise<void> => {
    const served = methods[sent % methods.length];
    sent += 1;
    if (!served) return;
    const attempt = makeAttempt(served, random);
    const answer = await answerTo(attempt, wire, headersOf(served));
    const name = Code[answer.code] ?? (answer.code === 0 ? 'OK' : `HTTP ${answer.httpStatus}`);
    codes.set(name, (codes.get(name) ?? 0) + 1);
    if (answer.code === 0) taken.set(served.path, (taken.get(served.path) ?? 0) + 1);
    if (isFault(answer) && faults.length < listedFaults) {
      faults.push(`${served.path} as ${attempt.protocol}: ${name} ${answer.message} for ${attempt.shown}`);
    }
  };

  while (sent < messages) {
    const round = Math.min(500, messages - sent);
    const until = sent + round;
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (sent < until) await sendOne();
      }),
    );
    await watch();
    onProgress?.(sent);
    // What a connection has cost is given back with it.
    wire.close();
    wire = await openWire(url);
  }
  wire.close();
  return {
    sent,
    codes: Object.fromEntries([...codes].sort()),
    taken: Object.fromEntries(taken),
    faults,
    memoryMiB: { before, most, after: await readProcessMemory(pid) },
    longestPauseMs: Math.round(longestPauseMs),
  };
}

/** What says that it will pass is asked again, as every client does. */
async function answerTo(
  attempt: Attempt,
  wire: Wire,
  headers: Readonly<Record<string, string>>,
): Promise<WireAnswer> {
  for (let left = 5; ; left -= 1) {
    const answer = await attempt.send(wire, headers);
    if (answer.code !== Code.Unavailable || left === 0) return answer;
    await sleep(1000);
  }
}

const protocols = ['grpc', 'grpc-web', 'connect', 'json'] as const;
type Protocol = (typeof protocols)[number];

interface Attempt {
  readonly protocol: Protocol;
  /** The bytes, for the report. */
  readonly shown: string;
  send(wire: Wire, headers: Readonly<Record<string, string>>): Promise<WireAnswer>;
}

const contentTypes: Readonly<Record<Protocol, string>> = {
  grpc: 'application/grpc',
  'grpc-web': 'application/grpc-web+proto',
  connect: 'application/proto',
  json: 'application/json',
};

function makeAttempt({ method, path }: ServedMethod, random: () => number): Attempt {
  const isUnary = method.methodKind === 'unary';
  const protocol = pick(random, isUnary ? protocols : (['grpc', 'grpc-web'] as const));
  const isEnveloped = protocol === 'grpc' || protocol === 'grpc-web';
  // Who may send many messages sends several, of which some may be whole.
  const count = method.methodKind === 'bidi_streaming' ? integerIn(random, 1, 4) : 1;
  const parts = Array.from({ length: count }, () => makeBytes(method.input, protocol, random));
  return {
    protocol,
    shown: parts.map((bytes) => Buffer.from(bytes).toString(protocol === 'json' ? 'utf8' : 'hex')).join(' '),
    async send(wire, headers) {
      // Streams would last.
      const deadline = isEnveloped
        ? { 'grpc-timeout': isUnary ? '10S' : '200m' }
        : { 'connect-timeout-ms': '10000' };
      const body = Buffer.concat(isEnveloped ? parts.map((bytes) => envelope(bytes)) : parts);
      const answer = await wire.call(path, body, {
        headers: { ...headers, ...deadline, 'content-type': contentTypes[protocol] },
      });
      return isEnveloped ? answer : { ...answer, ...connectStatus(answer) };
    },
  };
}

/** Absurd, a mixture, or as a caller might mean it; half of each with faults in the bytes. */
function makeBytes(desc: DescMessage, protocol: Protocol, random: () => number): Uint8Array {
  const plausibility = pick(random, [0, 0.95, 1]);
  const message = randomMessage(desc, random, { plausibility, nowMs: Date.now() });
  const bytes = encode(desc, message, protocol);
  return random() < 0.5 ? bytes : mutate(bytes, random);
}

const registry = createRegistry();

function encode(desc: DescMessage, message: Message, protocol: Protocol): Uint8Array {
  if (protocol !== 'json') return toBinary(desc, message);
  try {
    return Buffer.from(toJsonString(desc, message, { registry }));
  } catch {
    // Not every message that the wire can carry is one in JSON: a time in the year 292277026596, NaN in a Struct.
    return Buffer.from(toJsonString(desc, create(desc)));
  }
}

/** Where Connect says how a unary call went. */
function connectStatus({ httpStatus, body }: WireAnswer): { code: number; message: string } {
  if (httpStatus === 200) return { code: 0, message: '' };
  try {
    const error = JSON.parse(body.toString('utf8')) as { code?: unknown; message?: unknown };
    return {
      code: codeFromString(String(error.code)) ?? Number.NaN,
      message: String(error.message ?? ''),
    };
  } catch {
    return { code: Number.NaN, message: body.toString('utf8').slice(0, 200) };
  }
}

const faulty: ReadonlySet<number> = new Set([
  Code.Internal,
  Code.Unknown,
  Code.DataLoss,
  Code.Unavailable,
  Code.Unauthenticated,
  Code.PermissionDenied,
]);

function isFault({ code }: WireAnswer): boolean {
  return Number.isNaN(code) || faulty.has(code);
}
