import type { TimeZone, WindowCut } from '@parley/calendar';

/** Of what, and for which time, figures are asked. */
export interface KpiQuestion {
  readonly tenantId: string;
  /** The tenant's. */
  readonly partition: number;
  /** The tenant's, in whose units money is told. */
  readonly currencyCode: string;
  /** Empty: all bots. */
  readonly botId: string;
  /** Empty: all groups. */
  readonly groupId: string;
  /** These as in `ReadScope`. */
  readonly intent: string;
  readonly channel: string;
  readonly sentiment: string;
  readonly segment: string;
  readonly window: KpiWindow;
  /** Events up to this offset must be in the answer; undefined: what is known now. */
  readonly minPosition: bigint | undefined;
  /** Whether the answer must be as fresh as can be. */
  readonly isLive?: boolean;
  readonly signal: AbortSignal;
}

/** The time from `start` up to, not including, `end`; to the millisecond. */
export interface KpiWindow {
  readonly start: Date;
  readonly end: Date;
  readonly cut: WindowCut;
  /** In which days begin. */
  readonly timeZone: TimeZone;
  /** The UTC day at whose end the answer is given, in days since 1970. Undefined: as known now. */
  readonly asOf: number | undefined;
}
