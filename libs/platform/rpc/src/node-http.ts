import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Writable } from 'node:stream';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { universalResponseToNodeResponse } from '@connectrpc/connect-node';

/** A request of either version of HTTP, by the types of Node. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;
/** An answer in either version of HTTP, by the types of Node. */
export type HttpResponse = ServerResponse | Http2ServerResponse;

/** How many bytes the connection of a request has brought so far; 0 once it is closed. */
export function bytesReadOf(request: HttpRequest): number {
  // The socket that a request of HTTP/2 shows is gone with its stream.
  const socket = 'stream' in request ? request.stream.session?.socket : request.socket;
  return socket?.bytesRead ?? 0;
}

/** How long what still comes of a refused request is let pass by, so that its sender can read the answer. */
const lingerMs = 250;

/** Answers with a short text. */
export function sendBody(
  response: HttpResponse,
  status: number,
  text: string,
  contentType = 'text/plain',
): void {
  response.statusCode = status;
  response.setHeader('content-type', `${contentType}; charset=utf-8`);
  response.end(text);
}

/** Sends an answer; a reader that takes nothing of it for `writeMs` is cut off. */
export async function send(
  answer: UniversalServerResponse,
  response: HttpResponse,
  writeMs: number,
): Promise<void> {
  const { body } = answer;
  await universalResponseToNodeResponse(
    body === undefined ? answer : { ...answer, body: watched(body, response, writeMs) },
    response,
  );
}

async function* watched(
  body: AsyncIterable<Uint8Array>,
  response: HttpResponse,
  writeMs: number,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    // The next chunk is asked for when this one is written, or has found room in the buffer.
    const timer = setTimeout(() => cutOff(response, constants.NGHTTP2_CANCEL), writeMs);
    try {
      yield chunk;
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * When a request is answered, sees to its end: an answer that nobody takes for `writeMs` is cut off, and a request
 * that was answered before all of it was read (refused, too large) is not read on.
 */
export function abandonUnreadRequest(request: HttpRequest, response: HttpResponse, writeMs: number): void {
  // The response of HTTP/2 says "finish" when its stream is closed; the stream itself says it when all is written.
  const written: Writable = 'stream' in response ? response.stream : response;
  let timer: NodeJS.Timeout | undefined;
  written.once('prefinish', () => {
    timer = setTimeout(() => cutOff(response, constants.NGHTTP2_CANCEL), writeMs);
  });
  written.once('finish', () => {
    if (!request.complete) {
      clearTimeout(timer);
      timer = setTimeout(() => cutOff(response, constants.NGHTTP2_NO_ERROR), lingerMs);
      request.once('end', () => clearTimeout(timer));
      request.resume();
    }
  });
  written.once('close', () => {
    // HTTP/1 closes its answer before a request that is still coming.
    if ('stream' in response || request.complete) {
      clearTimeout(timer);
    }
  });
}

/** @param code what HTTP/2 says to it: NO_ERROR after a whole answer. */
function cutOff(response: HttpResponse, code: number): void {
  if ('stream' in response) {
    response.stream.close(code);
  } else {
    response.socket?.destroy();
  }
}
