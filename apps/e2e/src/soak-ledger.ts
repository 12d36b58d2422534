import { appendFileSync, readFileSync } from 'node:fs';
import type { DropReason } from '@parley/client';
import type { EventNumber } from './soak-traffic.ts';

/** What a bot of the soak writes down, so that it outlives its kills. A bot has one ledger for all its lives. */
export interface SoakLedger {
  /** Before it reports its events up to this index, exclusive. */
  recording(until: number): void;
  /** Every event below this index that was not dropped is on disk, by the client's own count. */
  durable(until: number): void;
  /** The client said so of these, its own or taken over from another bot. */
  delivered(events: readonly EventNumber[]): void;
  dropped(events: readonly DroppedNumber[]): void;
  /** By whoever killed it, once it is gone. */
  killed(): void;
}

export interface DroppedNumber extends EventNumber {
  readonly reason: DropReason;
}

/** One line. Pairs are a bot's number and an index. */
type Entry =
  | { readonly recording: number }
  | { readonly durable: number }
  | { readonly delivered: readonly (readonly [number, number])[] }
  | { readonly dropped: readonly (readonly [number, number, DropReason])[] }
  | { readonly killed: true };

export function openSoakLedger(file: string): SoakLedger {
  const write = (entry: Entry): void => appendFileSync(file, `${JSON.stringify(entry)}\n`);
  return {
    recording: (until) => write({ recording: until }),
    durable: (until) => write({ durable: until }),
    delivered: (events) => write({ delivered: events.map(({ bot, index }) => [bot, index]) }),
    dropped: (events) => write({ dropped: events.map(({ bot, index, reason }) => [bot, index, reason]) }),
    killed() {
      // The kill may have torn a line.
      appendFileSync(file, '\n');
      write({ killed: true });
    },
  };
}

/** What a killed bot had reported and not yet written: from the last index known to be on disk to the last reported. */
export interface Gap {
  readonly from: number;
  readonly until: number;
}

export interface SoakRecord {
  /** Events that it reported or may have: 0 to here, exclusive. */
  readonly recorded: number;
  readonly delivered: readonly EventNumber[];
  readonly dropped: readonly DroppedNumber[];
  readonly gaps: readonly Gap[];
}

/** What a bot wrote down in all its lives; nothing where it never began. */
export function readSoakLedger(file: string): SoakRecord {
  let recorded = 0;
  let durable = 0;
  const delivered: EventNumber[] = [];
  const dropped: DroppedNumber[] = [];
  const gaps: Gap[] = [];
  for (const entry of entriesOf(file)) {
    if ('recording' in entry) recorded = entry.recording;
    else if ('durable' in entry) durable = entry.durable;
    else if ('delivered' in entry) for (const [bot, index] of entry.delivered) delivered.push({ bot, index });
    else if ('dropped' in entry)
      for (const [bot, index, reason] of entry.dropped) dropped.push({ bot, index, reason });
    else {
      gaps.push({ from: durable, until: recorded });
      durable = recorded;
    }
  }
  return { recorded, delivered, dropped, gaps };
}

function entriesOf(file: string): Entry[] {
  const lines = readFileSync(file, { encoding: 'utf8', flag: 'a+' }).split('\n');
  return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Entry);
}
