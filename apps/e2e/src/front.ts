import { createClient } from '@connectrpc/connect';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { RecordEventsRequest } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { batchMessageBytes, createHealthRegistry, createTransportTo, startRpcServer } from '@parley/rpc';
import { createLogger, systemNow } from '@parley/runtime';

/** A server of batches before ingestion. */
export interface Front {
  readonly url: string;
  close(): Promise<void>;
}

export interface FrontOptions {
  /** Where it listens; a free port unless told. */
  readonly port?: number;
  /** Runs before a batch is passed on, to be slow or to refuse. */
  readonly meet?: (request: RecordEventsRequest) => Promise<void>;
  /** Runs before the answer is given. */
  readonly leave?: () => Promise<void>;
}

/** Parley's own edge before a real ingestion, to which it passes batches by its own key. */
export async function startFront(
  to: { readonly url: string; readonly key: string },
  { port = 0, meet, leave }: FrontOptions,
): Promise<Front> {
  const transport = createTransportTo({ baseUrl: to.url, credential: to.key });
  const ingestion = createClient(IngestionService, transport);
  const server = await startRpcServer({
    port,
    routes: ({ rpc }) =>
      rpc(IngestionService.method.recordEvents, async (request) => {
        await meet?.(request);
        const response = await ingestion.recordEvents(request);
        await leave?.();
        return response;
      }),
    access: {
      [`${IngestionService.typeName}/RecordEvents`]: {
        callers: [],
        tenant: 'none',
        maxMessageBytes: batchMessageBytes,
      },
    },
    resolver: { resolve: () => Promise.resolve(undefined) },
    health: createHealthRegistry(),
    logger: createLogger({ service: 'front', level: 'fatal' }),
    now: systemNow,
  });
  return {
    url: server.url,
    async close() {
      await server.close(0);
      transport.close();
    },
  };
}
