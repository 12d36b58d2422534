import type { Now } from '@parley/runtime';
import type { LanguageStore, TenantPlace } from '../storage/language-store.ts';
import type { LanguageSettings } from './intent-model-record.ts';
import type { ReadingPool, ReadOptions } from './reading-pool.ts';
import type { TextToRead } from './reading-protocol.ts';

/** Reads texts as each tenant wants it. */
export interface TenantReader {
  /** How the tenant's texts are read, as of at most three seconds ago. */
  settingsOf(tenant: TenantPlace): Promise<LanguageSettings>;
  /** See `ReadingPool.read`. */
  read(
    tenant: TenantPlace,
    texts: readonly TextToRead[],
    options: ReadOptions,
  ): Promise<readonly (Uint8Array | undefined)[]>;
  /** Asks anew how this tenant's texts are read. */
  forget(tenant: TenantPlace): void;
}

/** A change elsewhere is known after that, within the five seconds that are promised. */
const rememberMs = 3_000;
const maxTenants = 10_000;

export function createTenantReader({
  store,
  pool,
  now,
}: {
  readonly store: Pick<LanguageStore, 'getSettings'>;
  readonly pool: ReadingPool;
  readonly now: Now;
}): TenantReader {
  const known = new Map<string, { readonly until: number; readonly settings: Promise<LanguageSettings> }>();

  function settingsOf(tenant: TenantPlace): Promise<LanguageSettings> {
    const found = known.get(tenant.tenantId);
    if (found !== undefined && found.until > now().getTime()) return found.settings;
    const settings = store.getSettings(tenant);
    // A failure is not remembered.
    settings.catch(() => known.delete(tenant.tenantId));
    known.delete(tenant.tenantId);
    known.set(tenant.tenantId, { until: now().getTime() + rememberMs, settings });
    const [oldest] = known.keys();
    if (known.size > maxTenants && oldest !== undefined) known.delete(oldest);
    return settings;
  }

  return {
    settingsOf,
    async read(tenant, texts, options) {
      const { activeVersion, threshold } = await settingsOf(tenant);
      return pool.read(
        { key: modelKeyOf(tenant, activeVersion), version: activeVersion, threshold },
        texts,
        options,
      );
    },
    forget: ({ tenantId }) => void known.delete(tenantId),
  };
}

/** The name of a tenant's model in the threads; empty for the one that every tenant has. */
function modelKeyOf({ partition, tenantId }: TenantPlace, version: number): string {
  return version === 0 ? '' : `${partition} ${tenantId} ${version}`;
}

/** Loads what a key names. */
export function createModelLoader(
  store: Pick<LanguageStore, 'findBytes'>,
): (key: string) => Promise<Uint8Array> {
  return async (key) => {
    const [partition = '', tenantId = '', version = ''] = key.split(' ');
    const bytes = await store.findBytes({ partition: Number(partition), tenantId }, Number(version));
    if (bytes === undefined) throw new Error(`The model ${key} is gone.`);
    return bytes;
  };
}
