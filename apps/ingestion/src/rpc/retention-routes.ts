import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { Tenant } from '@parley/access';
import { ContentMode, DataClass } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import type { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import type { Database } from '@parley/database';
import { invalidArgument } from '@parley/errors';
import { pageSizeOf, readPageToken, readTokenTime, tenantOf, writePageToken } from '@parley/rpc';
import type { Now } from '@parley/runtime';
import type { ContentMode as ContentModeName } from '../event-content/content-mode.ts';
import type { PrivacyStore } from '../storage/privacy-store.ts';
import type {
  DataClass as DataClassName,
  Retention,
  RetentionCount,
  RetentionStore,
} from '../storage/retention-store.ts';
import { previewRetention } from '../use-cases/keep-retention.ts';

export interface RetentionRouteDependencies {
  /** For previews. */
  readonly worker: Database;
  readonly retentions: RetentionStore;
  readonly privacy: Pick<PrivacyStore, 'contentMode' | 'setContentMode'>;
  readonly now: Now;
}

type RetentionMethods =
  'getPrivacySettings' | 'updatePrivacySettings' | 'previewRetention' | 'listRetentionRuns';

const minDays = 30;

const classes: ReadonlyMap<DataClass, DataClassName> = new Map([
  [DataClass.CONTENT, 'content'],
  [DataClass.QUARANTINE, 'quarantine'],
  [DataClass.RAW, 'raw'],
]);
const numbers: Readonly<Record<DataClassName, DataClass>> = {
  content: DataClass.CONTENT,
  quarantine: DataClass.QUARANTINE,
  raw: DataClass.RAW,
};

/** The calls by which a tenant says how long what is kept, and sees what that removes and removed. */
export function createRetentionRoutes({
  worker,
  retentions,
  privacy,
  now,
}: RetentionRouteDependencies): Pick<ServiceImpl<typeof PrivacyService>, RetentionMethods> {
  const settingsOf = async (tenant: Tenant) => ({
    settings: toSettings(await privacy.contentMode(tenant), await retentions.get(tenant)),
  });
  return {
    getPrivacySettings: (_request, context) => settingsOf(tenantOf(context)),

    async updatePrivacySettings({ settings, updateMask }, context) {
      const tenant = tenantOf(context);
      const paths = updateMask?.paths ?? [
        ...(settings !== undefined && settings.contentMode !== ContentMode.UNSPECIFIED
          ? ['content_mode']
          : []),
        ...(settings !== undefined && settings.retentions.length > 0 ? ['retentions'] : []),
      ];
      for (const path of paths) {
        if (path !== 'content_mode' && path !== 'retentions') {
          throw invalidArgument([
            { field: 'update_mask', description: `must name content_mode or retentions; not ${path}` },
          ]);
        }
      }
      const mode = paths.includes('content_mode') ? parseContentMode(settings?.contentMode) : undefined;
      const retention = paths.includes('retentions')
        ? parseRetentions(settings?.retentions ?? [])
        : undefined;
      if (mode !== undefined && mode !== (await privacy.contentMode(tenant))) {
        await privacy.setContentMode(tenant, mode);
      }
      if (retention !== undefined) await retentions.set(tenant, retention);
      return settingsOf(tenant);
    },

    async previewRetention(_request, context) {
      const { partition, tenantId } = tenantOf(context);
      const counts = await previewRetention(worker, { partition, tenantId }, now());
      return { counts: counts.map(toCount) };
    },

    async listRetentionRuns({ pageSize, pageToken }, context) {
      const tenant = tenantOf(context);
      const filters = ['retention runs', tenant.tenantId];
      const limit = pageSizeOf(pageSize, { usual: 50 });
      const cursor = readPageToken(pageToken, filters, 2);
      const after = cursor && { startedAt: readTokenTime(cursor[0]), runId: cursor[1] ?? '' };
      const found = await retentions.listRuns(tenant, { after, limit: limit + 1 });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1) : undefined;
      return {
        runs: page.map(({ startedAt, completedAt, counts }) => ({
          startedAt: timestampFromDate(startedAt),
          ...(completedAt && { completedAt: timestampFromDate(completedAt) }),
          counts: counts.map(toCount),
        })),
        nextPageToken:
          last === undefined ? '' : writePageToken(filters, [String(last.startedAt.getTime()), last.runId]),
      };
    },
  };
}

const contentModes: ReadonlyMap<ContentMode | undefined, ContentModeName> = new Map([
  [ContentMode.FULL, 'full'],
  [ContentMode.PSEUDONYMOUS, 'pseudonymous'],
  [ContentMode.OFF, 'off'],
]);
const contentModeNumbers: Readonly<Record<ContentModeName, ContentMode>> = {
  full: ContentMode.FULL,
  pseudonymous: ContentMode.PSEUDONYMOUS,
  off: ContentMode.OFF,
};

function parseContentMode(number: ContentMode | undefined): ContentModeName {
  const mode = contentModes.get(number);
  if (mode === undefined) {
    throw invalidArgument([{ field: 'settings.content_mode', description: 'is required' }]);
  }
  return mode;
}

function parseRetentions(
  retentions: readonly { readonly dataClass: DataClass; readonly days: number }[],
): Retention {
  const parsed = new Map<DataClassName, number>();
  const seen = new Set<DataClass>();
  retentions.forEach(({ dataClass, days }, index) => {
    const field = `settings.retentions[${index}]`;
    if (seen.has(dataClass)) {
      throw invalidArgument([{ field, description: 'must name each class once', reason: 'CLASS_REPEATED' }]);
    }
    seen.add(dataClass);
    if (days === 0) return;
    if (days < minDays) {
      throw invalidArgument([
        {
          field: `${field}.days`,
          description: `must be 0 or at least ${minDays}`,
          reason: 'RETENTION_TOO_SHORT',
        },
      ]);
    }
    const name = classes.get(dataClass);
    if (name === undefined) {
      throw invalidArgument([{ field: `${field}.data_class`, description: 'must be a class of data' }]);
    }
    parsed.set(name, days);
  });
  return parsed;
}

function toSettings(mode: ContentModeName, retention: Retention) {
  return {
    contentMode: contentModeNumbers[mode],
    retentions: Array.from(retention, ([name, days]) => ({ dataClass: numbers[name], days })),
  };
}

function toCount({ dataClass, rowCount, receivedBefore }: RetentionCount) {
  return { dataClass: numbers[dataClass], rowCount, receivedBefore: timestampFromDate(receivedBefore) };
}
