import { randomUUID } from 'node:crypto';
import { createContextValues } from '@connectrpc/connect';
import { withRequestContext, type Logger } from '@parley/runtime';
import { factsKey } from './call-context.ts';
import { createCallLease } from './call-lease.ts';
import { answerCors } from './cors.ts';
import type { RpcLimits } from './limits.ts';
import { createFairTurns } from './fair-turns.ts';
import { meterBody } from './metered-body.ts';
import {
  bytesReadOf,
  abandonUnreadRequest,
  send,
  sendBody,
  type HttpRequest,
  type HttpResponse,
} from './node-http.ts';
import { createPatienceClock } from './patience-clock.ts';
import type { RegisteredMethods, ServedMethod } from './registered-methods.ts';
import { requestIdHeader } from './request-gate.ts';
import { settleTimeout } from './request-timeout.ts';
import type { SharedBudget } from './shared-budget.ts';
import { toRequestHead } from './request-head.ts';

/** Answers a path that is no RPC, by the types of Node's http and http2. */
export type PlainHandler = (request: HttpRequest, response: HttpResponse) => void | Promise<void>;

export interface HandlerOptions {
  readonly methods: RegisteredMethods;
  /** Methods that answer instead when the request is not JSON. */
  readonly binaryMethods: RegisteredMethods;
  readonly plainHttp: ReadonlyMap<string, PlainHandler>;
  /** Origins whose scripts may call; `*` for any. */
  readonly corsOrigins: readonly string[];
  readonly limits: RpcLimits;
  readonly calls: SharedBudget;
  readonly bytes: SharedBudget;
  readonly logger: Logger;
}

/** Answers every request of the port: RPCs in all protocols, plain HTTP, and what is neither. */
export function createRequestHandler(
  options: HandlerOptions,
): (request: HttpRequest, response: HttpResponse) => void {
  const { plainHttp, corsOrigins, limits, logger } = options;
  const clock = createPatienceClock();
  const turns = createFairTurns();

  async function answer(request: HttpRequest, response: HttpResponse, requestId: string): Promise<void> {
    const contentType = String(request.headers['content-type'] ?? '');
    if (isHeaderTooLarge(request, limits)) {
      refuseHeader(response, contentType);
      return;
    }
    if (answerCors(request, response, corsOrigins)) {
      return;
    }
    const path = request.url?.split('?', 1)[0] ?? '';
    const method =
      (isBinary(contentType) ? options.binaryMethods.byPath.get(path) : undefined) ??
      options.methods.byPath.get(path);
    if (method !== undefined) {
      await answerCall(request, response, method, contentType, requestId);
      return;
    }
    const plain = plainHttp.get(path);
    if (plain !== undefined) {
      await plain(request, response);
      return;
    }
    sendBody(response, 404, 'There is nothing here.\n');
  }

  async function answerCall(
    request: HttpRequest,
    response: HttpResponse,
    method: ServedMethod,
    contentType: string,
    requestId: string,
  ): Promise<void> {
    const lease = createCallLease(options.calls, options.bytes);
    const startedAt = performance.now();
    const isStreamOfRequests = ['client_streaming', 'bidi_streaming'].includes(
      method.handler.method.methodKind,
    );
    const isUnary = method.handler.method.methodKind === 'unary';
    const announced = Number(request.headers['content-length'] ?? Number.NaN);
    const contextValues = createContextValues().set(factsKey, {
      requestId,
      methodName: method.name,
      access: method.access,
      isStream: !isUnary,
      isStreamOfRequests,
      isCompressed: isCompressed(request.headers),
      announcedBytes: Number.isSafeInteger(announced) ? announced : undefined,
      remoteAddress: request.socket?.remoteAddress ?? 'unknown',
      startedAt,
      lease,
    });
    try {
      const head = toRequestHead(request, response, contextValues);
      if (head === undefined) {
        sendBody(response, 400, 'The request names no valid authority.\n');
        return;
      }
      const timeoutMs = settleTimeout(
        head.header,
        contentType.startsWith('application/grpc'),
        isUnary ? limits.unaryDefaultMs : limits.streamDefaultMs,
        isUnary ? limits.unaryMaxMs : limits.streamMaxMs,
      );
      const maxMessageBytes = method.access.maxMessageBytes ?? limits.maxMessageBytes;
      if (Number(head.header.get('content-length')) <= maxMessageBytes) {
        // The library would set aside at once what it announces; one that announces too much is refused by it.
        head.header.delete('content-length');
      }
      const body = meterBody(request.iterator({ destroyOnReturn: false }), {
        hasEnvelopes: !/^application\/(json|proto)\b/i.test(contentType),
        isStream: isStreamOfRequests,
        isCompressed: isCompressed(request.headers),
        maxMessageBytes,
        lease,
        turns,
        clock,
        bytesRead: () => bytesReadOf(request),
        endsAt: startedAt + timeoutMs,
        messageMs: limits.messageMs,
        idleMs: limits.idleMs,
        requestId,
      });
      const answered = await method.handler({ ...head, body });
      await send(answered, response, limits.writeMs);
    } finally {
      lease.release();
    }
  }

  return (request, response) => {
    const requestId = readRequestId(request);
    abandonUnreadRequest(request, response, limits.writeMs);
    response.on('error', (error: unknown) => logger.debug({ error }, 'an answer could not be written'));
    void withRequestContext({ requestId }, async () => {
      try {
        await answer(request, response, requestId);
      } catch (error) {
        if (response.headersSent || response.destroyed) {
          // The client left, or did not read; connect-node reports that as any other error of writing.
          logger.debug({ error, path: request.url }, 'an answer was cut off');
          response.destroy();
        } else {
          logger.error({ error, path: request.url }, 'a request could not be answered');
          sendBody(response, 500, `Something went wrong on our side; request id ${requestId}.\n`);
        }
      }
    });
  };
}

function isBinary(contentType: string): boolean {
  return /^application\/(proto|connect\+proto|grpc(-web)?(\+proto)?)\s*(;|$)/i.test(contentType);
}

/** The header in which a protocol names the compression of messages. */
function isCompressed(headers: HttpRequest['headers']): boolean {
  return ['grpc-encoding', 'content-encoding', 'connect-content-encoding'].some(
    (name) => (headers[name] ?? 'identity') !== 'identity',
  );
}

/** The caller's own request id where it is one that can stand in a log, else a new one. */
function readRequestId(request: HttpRequest): string {
  const given = request.headers[requestIdHeader];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

function isHeaderTooLarge(
  { rawHeaders }: HttpRequest,
  { maxHeaderBytes, maxHeaderCount }: RpcLimits,
): boolean {
  return (
    rawHeaders.length > 2 * maxHeaderCount ||
    rawHeaders.reduce((sum, text) => sum + text.length, 0) > maxHeaderBytes
  );
}

function refuseHeader(response: HttpResponse, contentType: string): void {
  if (/^application\/grpc(\+|;|$)/i.test(contentType)) {
    // A status without a message: what gRPC calls Trailers-Only. 8 is RESOURCE_EXHAUSTED.
    response.setHeader('content-type', 'application/grpc');
    response.setHeader('grpc-status', '8');
    response.setHeader('grpc-message', 'The headers are too large.');
    response.end();
    return;
  }
  sendBody(response, 431, 'The headers are too large.\n');
}
