import { invalidPageToken, readPageToken, readTokenTime, writePageToken } from '@parley/rpc';
import type { BotMetricPlace } from '../storage/bot-metrics.sql.ts';

type Filters = readonly (string | undefined)[];

/** Where a page of metrics goes on. */
export interface BotMetricCursor {
  /** When the first page was asked for, from which windows up to now are reckoned. */
  readonly askedAt: Date;
  /** The last one that was told. */
  readonly after: BotMetricPlace;
}

export function writeMetricToken(filters: Filters, { askedAt, after }: BotMetricCursor): string {
  const { endsAt, period, botId, type, eventKey } = after;
  const times = [askedAt, endsAt].map((time) => String(time.getTime()));
  return writePageToken(filters, [...times, String(period), botId, type, eventKey]);
}

/**
 * What a token says; undefined for the start.
 * @throws DomainError `invalid-argument` for what is no token of this list with these filters.
 */
export function readMetricToken(token: string, filters: Filters): BotMetricCursor | undefined {
  const cursor = readPageToken(token, filters, 6);
  if (cursor === undefined) return undefined;
  const [askedAt, endsAt, period = '', botId = '', type = '', eventKey = ''] = cursor;
  if (!/^[1-4]$/.test(period) || !/^([\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12})?$/.test(eventKey)) {
    throw invalidPageToken();
  }
  return {
    askedAt: readTokenTime(askedAt),
    after: { endsAt: readTokenTime(endsAt), period: Number(period), botId, type, eventKey },
  };
}
