export { bootstrapService } from './bootstrap-service.ts';
export type { BootstrapOptions } from './bootstrap-service.ts';
export { copyIn, encodeCopy } from './copy-in.ts';
export type { CopyTarget, CopyType, CopyValue } from './copy-in.ts';
export { sqlStateOf, toDomainError } from './database-error.ts';
export {
  encodeByteaArray,
  encodeDateArray,
  encodeInt2Array,
  encodeInt4Array,
  encodeInt8Array,
  encodeTextArray,
  encodeTimestampArray,
  encodeUuidArray,
} from './encode-array.ts';
export type { Listener, ListenHandlers } from './listen.ts';
export { defineMigration, migrate } from './migrate.ts';
export type { MigrateOptions, NamedMigration } from './migrate.ts';
export { openDatabase } from './open-database.ts';
export type { Database, DatabaseOptions, TransactionOptions } from './open-database.ts';
export { roleName, rolePassword, roleUrl } from './role.ts';
export type { RoleKind } from './role.ts';
export { createPartition, tenantPolicy } from './tenant-policy.ts';
export type { PolicyForm } from './tenant-policy.ts';
export type { Result, Statement, Transaction } from './transaction.ts';
