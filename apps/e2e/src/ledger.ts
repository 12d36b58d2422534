import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';

/** What a client knows of an event of its own. */
export interface LedgerEntry {
  /** Kind and id. */
  readonly key: string;
  /** SHA-256 of the event's bytes, in hex. */
  readonly hash: string;
  /** When the answer came, in ms since 1970; absent while there is none. */
  readonly answeredAt?: number;
  readonly answer?: LedgerAnswer;
}

export type LedgerAnswer = 'accepted' | 'duplicate' | 'rejected';

/** The client's own record, on disk, of what it sent and what it was told: the judge of every promise. */
export interface Ledger {
  /** Before an event is sent for the first time. */
  sent(key: string, bytes: Uint8Array): void;
  answered(key: string, answer: LedgerAnswer, at: number): void;
}

export function openLedger(file: string): Ledger {
  const write = (entry: object): void => appendFileSync(file, `${JSON.stringify(entry)}\n`);
  return {
    sent: (key, bytes) => write({ key, hash: createHash('sha256').update(bytes).digest('hex') }),
    answered: (key, answer, answeredAt) => write({ key, answer, answeredAt }),
  };
}

/** The entries by key; what was answered first stays. */
export function readLedger(file: string): Map<string, LedgerEntry> {
  const entries = new Map<string, LedgerEntry>();
  for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
    const entry = JSON.parse(line) as LedgerEntry;
    entries.set(entry.key, { ...entry, ...entries.get(entry.key) });
  }
  return entries;
}
