import type { Writable } from 'node:stream';
import { Code, ConnectError, type ContextValues } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import type { HttpRequest, HttpResponse } from './node-http.ts';

/** A request without its body, as the RPC library reads it. */
export type RequestHead = Omit<UniversalServerRequest, 'body'>;

/**
 * The head of a request, or undefined when it is for no host that an URL can name. Its signal is aborted when the client
 * leaves before it has its answer: CANCELED, however it left, since nothing of ours failed.
 */
export function toRequestHead(
  request: HttpRequest,
  response: HttpResponse,
  contextValues: ContextValues,
): RequestHead | undefined {
  const authority = request.headers[':authority'] ?? request.headers.host;
  const scheme = 'encrypted' in request.socket && request.socket.encrypted === true ? 'https' : 'http';
  const url = typeof authority === 'string' ? URL.parse(request.url ?? '', `${scheme}://${authority}`) : null;
  if (url === null) {
    return undefined;
  }
  const left = new AbortController();
  const written: Writable = 'stream' in response ? response.stream : response;
  written.once('close', () => {
    // Not asked of the stream, which HTTP/2 ends itself when it is reset.
    if (!response.writableEnded) {
      left.abort(new ConnectError('The client left.', Code.Canceled));
    }
  });
  return {
    httpVersion: request.httpVersion,
    method: request.method ?? '',
    url: url.href,
    header: toHeaders(request),
    signal: left.signal,
    contextValues,
  };
}

function toHeaders({ headers }: HttpRequest): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) {
      continue;
    }
    for (const each of Array.isArray(value) ? value : [value]) {
      result.append(name, each);
    }
  }
  return result;
}
