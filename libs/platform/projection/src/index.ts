export type { CheckpointKey } from './checkpoints.ts';
export type { BucketDifference, RowDifference, VerificationRange } from './compare-generations.ts';
export type { Failpoint } from './fold-events.ts';
export type { ParkedEvent, ParkedEventKey } from './parked-events.ts';
export type { ProjectionProgress, Reach } from './progress.ts';
export type { FoldContext, Projection, ProjectionTable, ProjectionWatermark, Seal } from './projection.ts';
export type { NightlyOptions } from './nightly.ts';
export {
  projectionMigration,
  projectionSealMigration,
  projectionVerificationMigration,
} from './projection-migration.ts';
export { projectionAccess, projectionRoutes } from './projection-routes.ts';
export { createProjectionRuntime } from './projection-runtime.ts';
export type { ParkedEventPage, ProjectionRuntime, ProjectionRuntimeOptions } from './projection-runtime.ts';
export type { PartitionStatus, ProjectionStatus } from './projection-status.ts';
export { createProjectionReader } from './reader.ts';
export type { ProjectionReader, ProjectionSnapshot, ReaderOptions, ReadRequest } from './reader.ts';
export { createRemoteLogSource } from './remote-log-source.ts';
export type { RemoteLogSourceOptions } from './remote-log-source.ts';
export type { RebuildStep } from './rebuild-projection.ts';
export type { ReplayOutcome } from './replay-parked-events.ts';
export type { NightlyVerification } from './verifications.ts';
export type { SealedBuckets, VerificationResult, VerificationStep } from './verify-projection.ts';
