export {
  AggregationPeriod,
  FeedbackType,
  HandoffActor,
  MetricCategory,
  Outcome,
  Sentiment,
} from '@parley/contracts/parley/ingestion/v1/event';
export type { Event } from '@parley/contracts/parley/ingestion/v1/event';
export { CallFailure, type Remedy } from './call-failure.ts';
export type {
  DeliveredEvent,
  DroppedEvent,
  DropReason,
  ParleyClientOptions,
  SpillOptions,
} from './client-options.ts';
export type { ClientStats } from './client-stats.ts';
export type { Environment } from './environment.ts';
export type * from './event-input.ts';
export { instrumentHandler, type Answer, type InstrumentOptions } from './instrument-handler.ts';
export { createParleyClient, type FlushResult, type ParleyClient, type Patience } from './parley-client.ts';
