import type {
  RecordEventsRequest,
  RecordEventsResponse,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';

/** Carries one batch to ingestion, over whichever library. */
export interface BatchTransport {
  /** Throws a `CallFailure`. */
  send(request: RecordEventsRequest, timeoutMs: number): Promise<RecordEventsResponse>;
  /** Ends open calls and connections. */
  close(): void;
}

export interface TransportTarget {
  /** `http://host:port` or https. */
  readonly url: string;
  readonly key: string;
}
