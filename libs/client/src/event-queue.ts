import type { ReportedKind } from './event-input.ts';

/** An event on its way. */
export interface QueuedEvent {
  readonly id: string;
  readonly kind: ReportedKind;
  /** Its bytes, without the time of sending. */
  readonly bytes: Uint8Array;
  /** By the monotonic clock, in ms; before everything else for what was read back from disk. */
  readonly queuedAt: number;
  /** Called once, when it needs no keeping any more. */
  readonly settled?: () => void;
}

export interface QueueLimits {
  /** Events held, those being sent included. */
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** What an event takes on the wire at most, beside its bytes: the time of sending, tags and lengths. */
export const envelopeBytes = 32;

/** What an event takes of a queue or a batch, in bytes. */
export const weightOf = ({ bytes }: QueuedEvent): number => bytes.length + envelopeBytes;

/**
 * Events in the order in which they came, bounded in number and bytes. What was taken out to be sent keeps its place in
 * the bounds until it is released, so that the bounds hold for all memory.
 */
export class EventQueue {
  readonly #limits: QueueLimits;
  #waiting: (QueuedEvent | undefined)[] = [];
  #first = 0;
  #waitingBytes = 0;
  #heldEvents = 0;
  #heldBytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Events that wait to be taken. */
  get waiting(): number {
    return this.#waiting.length - this.#first;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Events held, waiting or taken. */
  get held(): number {
    return this.#heldEvents;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get oldest(): QueuedEvent | undefined {
    return this.#waiting[this.#first];
  }

  /** Whether there is room for it. */
  fits(event: QueuedEvent): boolean {
    return (
      this.#heldEvents < this.#limits.maxEvents && this.#heldBytes + weightOf(event) <= this.#limits.maxBytes
    );
  }

  /** Adds it; false, and nothing, when there is no room. */
  add(event: QueuedEvent): boolean {
    if (!this.fits(event)) return false;
    this.#waiting.push(event);
    this.#waitingBytes += weightOf(event);
    this.#heldEvents += 1;
    this.#heldBytes += weightOf(event);
    return true;
  }

  /** Takes the oldest, up to both bounds; one event at least where any waits. */
  take(maxEvents: number, maxBytes: number): QueuedEvent[] {
    const taken: QueuedEvent[] = [];
    let bytes = 0;
    for (let event = this.oldest; event !== undefined && taken.length < maxEvents; event = this.oldest) {
      if (taken.length > 0 && bytes + weightOf(event) > maxBytes) break;
      bytes += weightOf(event);
      taken.push(event);
      this.#waiting[this.#first++] = undefined;
    }
    this.#waitingBytes -= bytes;
    // Moves what is left only when half of the array is empty, so each event is moved about once.
    if (this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return taken;
  }

  /** Frees the room of events that were taken. */
  release(events: readonly QueuedEvent[]): void {
    this.#heldEvents -= events.length;
    for (const event of events) this.#heldBytes -= weightOf(event);
  }
}
