import { createClient } from '@connectrpc/connect';
import type { Client } from '@connectrpc/connect';
import {
  acceptServices,
  cacheResolver,
  createRemoteResolver,
  serviceCredential,
  type CredentialResolver,
} from '@parley/access';
import { AccessService } from '@parley/contracts/parley/ingestion/v1/access_service';
import { ErasureService } from '@parley/contracts/parley/ingestion/v1/erasure_service';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import type { LogSource } from '@parley/event';
import { createRemoteLogSource } from '@parley/projection';
import { createTransportTo } from '@parley/rpc';
import type { Now } from '@parley/runtime';
import type { ErasureCoordinator } from './erasure-confirmer.ts';

export interface IngestionPeerOptions {
  readonly url: string;
  readonly serviceSecret: string;
  /** The service that asks. */
  readonly service: string;
  readonly now: Now;
}

/** Ingestion as another service sees it. */
export interface IngestionPeer {
  /** Asks ingestion, and remembers for seconds. */
  readonly resolver: CredentialResolver;
  readonly source: LogSource;
  readonly erasures: ErasureCoordinator;
  close(): void;
}

/** Opens what a service needs of ingestion, which need not be there yet. */
export function openIngestionPeer({ url, serviceSecret, service, now }: IngestionPeerOptions): IngestionPeer {
  const credential = serviceCredential(serviceSecret, service);
  // Tails are long and many; look-ups shall not wait behind them.
  const calls = createTransportTo({ baseUrl: url, credential, defaultTimeoutMs: 5_000 });
  // Uncompressed: services stand beside each other, and compressing every event for each of them costs more than its fold.
  const tails = createTransportTo({
    baseUrl: url,
    credential,
    defaultTimeoutMs: 0,
    acceptCompression: false,
  });
  const resolver = cacheResolver(createRemoteResolver(createClient(AccessService, calls)), { now });
  return {
    resolver: acceptServices(serviceSecret, resolver),
    erasures: createRemoteErasures(createClient(ErasureService, calls)),
    source: createRemoteLogSource({ client: createClient(EventLogService, tails) }),
    close: () => {
      calls.close();
      tails.close();
    },
  };
}

function createRemoteErasures(client: Client<typeof ErasureService>): ErasureCoordinator {
  return {
    async listPending(service, signal) {
      const { erasures } = await client.listPendingErasures({ service }, { signal });
      return erasures.map(({ logEmptied, ...erasure }) => ({ ...erasure, isLogEmptied: logEmptied }));
    },
    async confirm({ receiptId, service, erased, isLogEmptied }, signal) {
      await client.confirmErasure(
        {
          receiptId,
          service,
          erased: erased.map((rows) => ({ ...rows, service })),
          logEmptied: isLogEmptied,
        },
        { signal },
      );
    },
  };
}
