import { cors as names } from '@connectrpc/connect';
import { requestIdHeader, tenantHeader } from './request-gate.ts';
import type { HttpRequest, HttpResponse } from './node-http.ts';

/** How long a browser may remember the answer to a preflight, in s: the most that Chromium does. */
const rememberSeconds = 7200;

/**
 * Lets scripts of these origins (`*`: any) call, and answers their preflights; says whether it answered. Credentials are
 * sent in a header of ours and never in cookies, so none are allowed.
 */
export function answerCors(
  request: HttpRequest,
  response: HttpResponse,
  origins: readonly string[],
): boolean {
  const { origin } = request.headers;
  if (origin === undefined || origins.length === 0) {
    return false;
  }
  response.setHeader('vary', 'origin');
  if (!origins.includes('*') && !origins.includes(origin)) {
    return false;
  }
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', [...names.exposedHeaders, requestIdHeader].join(', '));
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
    return false;
  }
  response.statusCode = 204;
  response.setHeader('access-control-allow-methods', names.allowedMethods.join(', '));
  response.setHeader(
    'access-control-allow-headers',
    [...names.allowedHeaders, 'authorization', tenantHeader, requestIdHeader].join(', '),
  );
  response.setHeader('access-control-max-age', String(rememberSeconds));
  response.end();
  return true;
}
