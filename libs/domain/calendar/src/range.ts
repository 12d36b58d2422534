/** A stretch of time that holds its start and not its end; to the millisecond. */
export interface Range {
  readonly start: Date;
  readonly end: Date;
}
