import type { Tenant } from '@parley/access';
import type { Database, Transaction } from '@parley/database';
import { DomainError } from '@parley/errors';
import type { Sealer } from '@parley/outbound';
import type {
  IntentModelRecord,
  LanguageSettings,
  ModelQuality,
  TrainedModel,
} from '../language/intent-model-record.ts';

/** Whose. */
export type TenantPlace = Pick<Tenant, 'partition' | 'tenantId'>;

/** What may be changed at once; undefined stays, null takes it away. */
export interface SettingsChange {
  readonly threshold?: number | null;
  /** Its token: undefined stays as it was. */
  readonly endpoint?: LanguageSettings['endpoint'] | null;
}

/** Tenants' models and settings. */
export interface LanguageStore {
  getSettings(tenant: TenantPlace): Promise<LanguageSettings>;
  updateSettings(tenant: TenantPlace, change: SettingsChange): Promise<LanguageSettings>;
  /** Keeps a model as the tenant's next version. */
  add(
    tenant: TenantPlace,
    model: TrainedModel,
    at: Date,
    options: { readonly activate: boolean },
  ): Promise<IntentModelRecord>;
  /** @throws DomainError `not-found` (MODEL_NOT_FOUND). */
  activate(tenant: TenantPlace, version: number): Promise<void>;
  /** The newest first, those below a version. */
  list(
    tenant: TenantPlace,
    page: { readonly below: number | undefined; readonly limit: number },
  ): Promise<readonly IntentModelRecord[]>;
  /** @throws DomainError `not-found` (MODEL_NOT_FOUND). */
  get(tenant: TenantPlace, version: number): Promise<IntentModelRecord>;
  /** The model's bytes; undefined when there is none. */
  findBytes(tenant: TenantPlace, version: number): Promise<Uint8Array | undefined>;
}

interface SettingsRow {
  readonly active_version: number;
  readonly out_of_scope_threshold: number | null;
  readonly endpoint_url: string | null;
  readonly endpoint_token: Uint8Array | null;
  readonly endpoint_timeout_ms: number | null;
  readonly endpoint_model_version: string | null;
}

interface ModelRow {
  readonly version: number;
  readonly is_active: boolean;
  readonly trained_at: Date;
  readonly example_count: number;
  readonly intents: readonly string[];
  readonly quality: ModelQuality;
  readonly content_hash: string;
  readonly byte_count: number;
}

const modelColumns = `m.version, m.trained_at, m.example_count, m.intents, m.quality, m.content_hash,
  length(m.model) as byte_count,
  m.version = coalesce((select s.active_version from language_settings s
                         where s.partition = m.partition and s.tenant_id = m.tenant_id), 0) as is_active`;

/** @param app answers tenants, under row-level security. */
export function createLanguageStore({
  app,
  sealer,
}: {
  readonly app: Database;
  readonly sealer: Sealer;
}): LanguageStore {
  const toSettings = (row: SettingsRow | undefined): LanguageSettings => ({
    activeVersion: row?.active_version ?? 0,
    threshold: row?.out_of_scope_threshold ?? undefined,
    endpoint:
      row === undefined || row.endpoint_url === null
        ? undefined
        : {
            url: row.endpoint_url,
            bearerToken: row.endpoint_token === null ? undefined : sealer.open(row.endpoint_token),
            timeoutMs: row.endpoint_timeout_ms ?? 0,
            modelVersion: row.endpoint_model_version ?? '',
          },
  });

  /** Locks the tenant's settings, which are made where there are none. */
  async function lock(tx: Transaction, { partition, tenantId }: TenantPlace): Promise<SettingsRow> {
    await tx.query(
      'insert into language_settings (partition, tenant_id) values ($1, $2) on conflict do nothing',
      [partition, tenantId],
    );
    const { rows } = await tx.query<SettingsRow>(
      'select * from language_settings where partition = $1 and tenant_id = $2 for update',
      [partition, tenantId],
    );
    const row = rows[0];
    if (row === undefined) throw new Error('The settings that were just made are not there.');
    return row;
  }

  async function setActive(tx: Transaction, { partition, tenantId }: TenantPlace, version: number) {
    await tx.query(
      'update language_settings set active_version = $3 where partition = $1 and tenant_id = $2',
      [partition, tenantId, version],
    );
  }

  async function findModel(tx: Transaction, { partition, tenantId }: TenantPlace, version: number) {
    const { rows } = await tx.query<ModelRow>(
      `select ${modelColumns} from intent_models m where m.partition = $1 and m.tenant_id = $2 and m.version = $3`,
      [partition, tenantId, version],
    );
    return rows[0];
  }

  return {
    getSettings: (tenant) =>
      app.withTenant(tenant.tenantId, async (tx) => {
        const { rows } = await tx.query<SettingsRow>(
          'select * from language_settings where partition = $1 and tenant_id = $2',
          [tenant.partition, tenant.tenantId],
        );
        return toSettings(rows[0]);
      }),

    updateSettings: (tenant, { threshold, endpoint }) =>
      app.withTenant(tenant.tenantId, async (tx) => {
        const before = await lock(tx, tenant);
        const after: SettingsRow = {
          ...before,
          ...(threshold !== undefined && { out_of_scope_threshold: threshold }),
          ...(endpoint === null && {
            endpoint_url: null,
            endpoint_token: null,
            endpoint_timeout_ms: null,
            endpoint_model_version: null,
          }),
          ...(endpoint && {
            endpoint_url: endpoint.url,
            // The token was given for that address; another one must not get to see it.
            endpoint_token:
              endpoint.bearerToken !== undefined
                ? sealer.seal(endpoint.bearerToken)
                : endpoint.url === before.endpoint_url
                  ? before.endpoint_token
                  : null,
            endpoint_timeout_ms: endpoint.timeoutMs,
            endpoint_model_version: endpoint.modelVersion,
          }),
        };
        await tx.query(
          `update language_settings
              set out_of_scope_threshold = $3, endpoint_url = $4, endpoint_token = $5, endpoint_timeout_ms = $6,
                  endpoint_model_version = $7
            where partition = $1 and tenant_id = $2`,
          [
            tenant.partition,
            tenant.tenantId,
            after.out_of_scope_threshold,
            after.endpoint_url,
            after.endpoint_token,
            after.endpoint_timeout_ms,
            after.endpoint_model_version,
          ],
        );
        return toSettings(after);
      }),

    add: (tenant, { exampleCount, intents, quality, contentHash, bytes }, at, { activate }) =>
      app.withTenant(tenant.tenantId, async (tx) => {
        // Under the lock, so that two trainings at once make two versions.
        await lock(tx, tenant);
        const { rows } = await tx.query<{ version: number }>(
          `insert into intent_models
             (partition, tenant_id, version, trained_at, example_count, intents, quality, content_hash, model)
           select $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5, $6, $7, $8
             from intent_models where partition = $1 and tenant_id = $2
           returning version`,
          [
            tenant.partition,
            tenant.tenantId,
            at,
            exampleCount,
            intents,
            JSON.stringify(quality),
            contentHash,
            bytes,
          ],
        );
        const version = rows[0]?.version ?? 0;
        if (activate) await setActive(tx, tenant, version);
        const row = await findModel(tx, tenant, version);
        if (row === undefined) throw new Error('The model that was just kept is not there.');
        return toRecord(row);
      }),

    activate: (tenant, version) =>
      app.withTenant(tenant.tenantId, async (tx) => {
        await lock(tx, tenant);
        if (version !== 0 && (await findModel(tx, tenant, version)) === undefined) throw notFound(version);
        await setActive(tx, tenant, version);
      }),

    list: ({ partition, tenantId }, { below, limit }) =>
      app.withTenant(tenantId, async (tx) => {
        const { rows } = await tx.query<ModelRow>(
          `select ${modelColumns} from intent_models m
            where m.partition = $1 and m.tenant_id = $2 and m.version < $3
            order by m.version desc limit $4`,
          [partition, tenantId, below ?? 2_147_483_647, limit],
        );
        return rows.map(toRecord);
      }),

    get: (tenant, version) =>
      app.withTenant(tenant.tenantId, async (tx) => {
        const row = await findModel(tx, tenant, version);
        if (row === undefined) throw notFound(version);
        return toRecord(row);
      }),

    findBytes: ({ partition, tenantId }, version) =>
      app.withTenant(tenantId, async (tx) => {
        const { rows } = await tx.query<{ model: Uint8Array }>(
          'select model from intent_models where partition = $1 and tenant_id = $2 and version = $3',
          [partition, tenantId, version],
        );
        return rows[0]?.model;
      }),
  };
}

function toRecord(row: ModelRow): IntentModelRecord {
  return {
    version: row.version,
    isActive: row.is_active,
    trainedAt: row.trained_at,
    exampleCount: row.example_count,
    intents: row.intents,
    quality: row.quality,
    contentHash: row.content_hash,
    byteCount: row.byte_count,
  };
}

function notFound(version: number): DomainError {
  return new DomainError(`This tenant has no model ${version}.`, {
    kind: 'not-found',
    reason: 'MODEL_NOT_FOUND',
    facts: { version: String(version) },
  });
}
