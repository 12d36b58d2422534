import { hash } from 'node:crypto';
import { invalidArgument } from '@parley/errors';

/** How many items a page holds: what was asked for, within bounds. Negative sizes are refused by validation. */
export function pageSizeOf(
  asked: number,
  { usual, most = 1000 }: { readonly usual: number; readonly most?: number },
): number {
  return asked === 0 ? usual : Math.min(asked, most);
}

/**
 * A page token: where the page ended, bound to the filters of its list.
 * @param filters whatever must stay the same from page to page.
 */
export function writePageToken(filters: readonly (string | undefined)[], cursor: readonly string[]): string {
  return Buffer.from(JSON.stringify([digest(filters), ...cursor])).toString('base64url');
}

/**
 * The cursor in a page token; undefined for the start.
 * @throws DomainError `invalid-argument` for what is no token of this list with these filters.
 */
export function readPageToken(
  token: string,
  filters: readonly (string | undefined)[],
  length: number,
): string[] | undefined {
  if (token === '') return undefined;
  const [filtersDigest, ...cursor] = parse(token);
  if (filtersDigest !== digest(filters) || cursor.length !== length) throw invalidPageToken();
  return cursor;
}

/** @throws DomainError `invalid-argument` when it is no time, as readPageToken does. */
export function readTokenTime(text: string | undefined): Date {
  const time = new Date(Number(text ?? 'none'));
  if (Number.isNaN(time.getTime())) throw invalidPageToken();
  return time;
}

function parse(token: string): string[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  } catch {
    // Not JSON: no token of ours either.
  }
  throw invalidPageToken();
}

function digest(filters: readonly (string | undefined)[]): string {
  return hash('sha256', JSON.stringify(filters), 'base64url').slice(0, 16);
}

/** Of a token that is none of its list. */
export function invalidPageToken() {
  return invalidArgument([
    {
      field: 'page_token',
      description: 'must be the next_page_token of an answer to the same request',
      reason: 'INVALID_PAGE_TOKEN',
    },
  ]);
}
