import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import type { ReportedKind } from './event-input.ts';

/** Why an event will not be stored. */
export type DropReason =
  /** It can't be written as a message: a value of a wrong type. */
  | 'invalid'
  /** It alone is larger than a batch may be. */
  | 'too-large'
  /** The queue is full, and the disk where there is one. */
  | 'queue-full'
  /** The disk failed while it held it alone. */
  | 'disk-failed'
  /** It came after `shutdown`, or was not delivered by its end; one in a call that was cut off may be stored all the same. */
  | 'shut-down'
  /** The service judged it and refuses it; it keeps it in quarantine. */
  | 'rejected'
  /** The service has another event under this id, which stays. */
  | 'conflict'
  /** The service refuses the call that holds it. */
  | 'refused';

/** An event that will not be stored. */
export interface DroppedEvent {
  /** Empty where several are told of together. */
  readonly id: string;
  readonly kind: ReportedKind | undefined;
  readonly reason: DropReason;
  /** The same for a person. */
  readonly message: string;
  /** How many; 1 unless their ids are not known any more. */
  readonly count: number;
}

/** An event that is stored. */
export interface DeliveredEvent {
  readonly id: string;
  readonly kind: ReportedKind;
  /** The service had it already, from an earlier call. */
  readonly isDuplicate: boolean;
}

export interface SpillOptions {
  /** May be shared by any number of processes. */
  readonly folder: string;
  /** Of this client's files together. */
  readonly maxBytes: number;
}

/** How a client behaves. All but `url` and `key` have defaults. */
export interface ParleyClientOptions {
  /** `http://host:port` or https. */
  readonly url: string;
  /** A key of scope `ingest`. */
  readonly key: string;
  /** `connect` unless told; `grpc` needs the package @grpc/grpc-js beside this one. */
  readonly transport?: 'connect' | 'grpc';
  /** Events held in memory, 1 or more; 10,000 unless told. */
  readonly maxQueueEvents?: number;
  /** Bytes of events held in memory; 16 MiB unless told. */
  readonly maxQueueBytes?: number;
  /** Events of a call, 1 to 1,000; 500 unless told. */
  readonly maxBatchEvents?: number;
  /** Bytes of a call, up to 1,000,000; 256 KiB unless told. */
  readonly maxBatchBytes?: number;
  /** How long an event waits for others before it is sent, in ms; 1,000 unless told. */
  readonly maxAgeMs?: number;
  /** Calls at a time, 1 to 16; 2 unless told. */
  readonly maxCalls?: number;
  /** How long a call may take, in ms; 10,000 unless told. */
  readonly callTimeoutMs?: number;
  /** The longest first pause after a failed call, in ms, doubled each time; 200 unless told. */
  readonly firstPauseMs?: number;
  /** The longest pause, in ms, and the pause after a failure that somebody must mend; 30,000 unless told. */
  readonly longestPauseMs?: number;
  /** Keeps events on disk until they are delivered, so that they outlive this process. */
  readonly spill?: SpillOptions;
  /** Says of each event whether its member does not want it reported; it is counted and forgotten. One that throws means yes. */
  readonly optOut?: (event: Event) => boolean;
  /** `off` leaves out what members and bots wrote; `full` unless told. */
  readonly contentMode?: 'full' | 'off';
  /** Told of every event that is stored, before its copy on disk is removed. */
  readonly onDelivered?: (delivered: DeliveredEvent) => void;
  /** Told of every event that will not be stored. */
  readonly onDrop?: (dropped: DroppedEvent) => void;
  /** Told of calls that failed and are repeated, of the disk's faults and of your hooks' errors. */
  readonly onError?: (error: Error) => void;
}

/** The options with every default. */
export type Settings = ParleyClientOptions &
  Required<Omit<ParleyClientOptions, 'spill' | 'optOut' | 'onDelivered' | 'onDrop' | 'onError'>>;

/** The service takes 1 MiB; what is left is for the request around the events. */
const largestBatchBytes = 1_000_000;

/** Fills in the defaults. Throws a `RangeError` that names every option that is out of its range: at start, not later. */
export function parseOptions(options: ParleyClientOptions): Settings {
  const settings: Settings = {
    transport: 'connect',
    maxQueueEvents: 10_000,
    maxQueueBytes: 16 * 1024 * 1024,
    maxBatchEvents: 500,
    maxBatchBytes: 256 * 1024,
    maxAgeMs: 1000,
    maxCalls: 2,
    callTimeoutMs: 10_000,
    firstPauseMs: 200,
    longestPauseMs: 30_000,
    contentMode: 'full',
    ...options,
  };
  const ranges: readonly (readonly [keyof Settings, number, number])[] = [
    ['maxQueueEvents', 1, 10_000_000],
    ['maxQueueBytes', 1024, 4 * 1024 ** 3],
    ['maxBatchEvents', 1, 1000],
    ['maxBatchBytes', 1024, largestBatchBytes],
    ['maxAgeMs', 0, 3_600_000],
    ['maxCalls', 1, 16],
    ['callTimeoutMs', 1, 60_000],
    ['firstPauseMs', 1, 3_600_000],
    ['longestPauseMs', 1, 3_600_000],
  ];
  const faults = ranges
    .filter(([name, least, most]) => !(Number(settings[name]) >= least && Number(settings[name]) <= most))
    .map(([name, least, most]) => `${name} must be ${least} to ${most}`);
  if (!(URL.canParse(settings.url) && /^https?:$/.test(new URL(settings.url).protocol))) {
    faults.push('url must be http://… or https://…');
  }
  if (!/^[\x21-\x7e]+$/.test(settings.key)) faults.push('key must be a key of Parley');
  if (settings.spill && !(settings.spill.maxBytes >= 1024))
    faults.push('spill.maxBytes must be 1024 or more');
  if (faults.length > 0) throw new RangeError(`The client can't start: ${faults.join('; ')}.`);
  return settings;
}
