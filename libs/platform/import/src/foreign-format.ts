/** The shapes of logs that are read besides Parley's own lines. */
export const foreignFormats = ['openai', 'sharegpt', 'langfuse', 'csv'] as const;
export type ForeignFormat = (typeof foreignFormats)[number];

/** In which order a date with slashes has its day and its month. */
export type DateOrder = 'mdy' | 'dmy';

/** What the logs themselves do not say. */
export interface ForeignOptions {
  readonly format: ForeignFormat;
  /** The guide's field on the left, the log's column or key on the right; wins over what the format says. */
  readonly columns: ReadonlyMap<string, string>;
  /** The bot of every interaction, whatever the log says. */
  readonly botId: string | undefined;
  /** When what names no time occurred; the turns of a conversation follow each other by a second. */
  readonly startTime: Date | undefined;
  /** Undefined: a date with slashes whose order can't be told is rejected. */
  readonly dateOrder: DateOrder | undefined;
  /** See `readBytes`. Absent: told by the byte order mark, UTF-8 without one. */
  readonly encoding?: string | undefined;
}
