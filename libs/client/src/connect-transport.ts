import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { RetryInfoSchema } from '@parley/contracts/google/rpc/error_details';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { BatchTransport, TransportTarget } from './batch-transport.ts';
import { CallFailure } from './call-failure.ts';
import { millisecondsOf } from './milliseconds-of.ts';

/**
 * Batches over the Connect protocol. HTTP/1.1, since Node lets a process end while such a connection is idle and a few
 * calls at a time need no more.
 */
export function createConnectBatchTransport({ url, key }: TransportTarget): BatchTransport {
  const agent =
    new URL(url).protocol === 'https:'
      ? new HttpsAgent({ keepAlive: true })
      : new HttpAgent({ keepAlive: true });
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '1.1',
    useBinaryFormat: true,
    nodeOptions: { agent },
  });
  const client = createClient(IngestionService, transport);
  const abort = new AbortController();
  const headers = { authorization: `Bearer ${key}` };
  return {
    async send(request, timeoutMs) {
      try {
        return await client.recordEvents(request, { headers, timeoutMs, signal: abort.signal });
      } catch (error) {
        const cause = ConnectError.from(error);
        const delay = cause.findDetails(RetryInfoSchema)[0]?.retryDelay;
        throw new CallFailure(cause.rawMessage, {
          code: cause.code,
          retryAfterMs: delay && millisecondsOf(delay),
          cause,
        });
      }
    },
    close() {
      abort.abort();
      agent.destroy();
    },
  };
}
