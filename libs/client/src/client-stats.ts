/**
 * What became of events since the client was made. Every event that was recorded or recovered is in exactly one of
 * accepted, duplicates, rejected, conflicts, dropped, optedOut and queued.
 */
export interface ClientStats {
  /** Calls of `interaction` and so on. */
  readonly recorded: number;
  /** Found on disk, left there by a process that ended. */
  readonly recovered: number;
  /** In memory or on disk, being sent included. */
  readonly queued: number;
  /** Bytes held in memory. */
  readonly queuedBytes: number;
  /** In calls, repeats included. */
  readonly sent: number;
  /** Stored. */
  readonly accepted: number;
  /** Stored before. */
  readonly duplicates: number;
  /** Refused by the service, each by itself. */
  readonly rejected: number;
  /** Refused since the service has another event under the same id. */
  readonly conflicts: number;
  /** Not delivered for any other reason. */
  readonly dropped: number;
  /** Left out by `optOut`. */
  readonly optedOut: number;
  /** Calls that were repeated. */
  readonly retries: number;
  /** Written to disk by this client. */
  readonly spilled: number;
}

/** The counts that grow. */
export type Counts = { -readonly [Name in Exclude<keyof ClientStats, 'queued' | 'queuedBytes'>]: number };

export const noCounts = (): Counts => ({
  recorded: 0,
  recovered: 0,
  sent: 0,
  accepted: 0,
  duplicates: 0,
  rejected: 0,
  conflicts: 0,
  dropped: 0,
  optedOut: 0,
  retries: 0,
  spilled: 0,
});
