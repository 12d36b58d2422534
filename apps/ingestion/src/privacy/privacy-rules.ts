import type { Database } from '@parley/database';
import { readTenantRules } from '../storage/privacy.sql.ts';
import type { TenantPlace, TenantRules, VersionedRules } from '../storage/privacy.sql.ts';

/** The rules of tenants, remembered for as long as their partition's version stays. */
export interface PrivacyRules {
  /** As far as is known; loads what is not, all of a partition at one version. */
  load(places: readonly TenantPlace[]): Promise<LoadedRules>;
  forget(partitions: Iterable<number>): void;
}

export interface LoadedRules {
  readonly versions: ReadonlyMap<number, bigint>;
  /** Undefined: everything may be stored as it came. */
  of(place: TenantPlace): TenantRules | undefined;
  /** What occurred before this is refused; undefined: nothing is too old. */
  tooOldBefore(place: TenantPlace): Date | undefined;
}

type Known = Pick<VersionedRules, 'rules' | 'tooOldBefore'>;

interface Remembered {
  readonly version: bigint;
  readonly tenants: Map<string, Known>;
}

/** Over all partitions; beyond, they are forgotten and loaded again. */
const maxTenants = 20_000;

export function createPrivacyRules(worker: Database): PrivacyRules {
  const partitions = new Map<number, Remembered>();
  let tenantCount = 0;

  const forget = (given: Iterable<number>): void => {
    for (const partition of given) {
      tenantCount -= partitions.get(partition)?.tenants.size ?? 0;
      partitions.delete(partition);
    }
  };

  async function loadMissing(places: readonly TenantPlace[]): Promise<void> {
    const isKnown = ({ partition, tenantId }: TenantPlace): boolean =>
      partitions.get(partition)?.tenants.has(tenantId) === true;
    let missing = places.filter((place) => !isKnown(place));
    while (missing.length > 0) {
      if (tenantCount + missing.length > maxTenants) forget([...partitions.keys()]);
      for (const { partition, tenantId, version, ...known } of await readTenantRules(worker, missing)) {
        if (partitions.get(partition)?.version !== version) {
          forget([partition]);
          partitions.set(partition, { version, tenants: new Map() });
        }
        partitions.get(partition)?.tenants.set(tenantId, known);
        tenantCount += 1;
      }
      // Those of a partition whose version has changed are gone, and are loaded at the new one.
      missing = places.filter((place) => !isKnown(place));
    }
  }

  return {
    forget,
    async load(places) {
      await loadMissing(places);
      // Copied, since others may forget them while these are used.
      const known = new Map<number, Map<string, Known | undefined>>();
      const versions = new Map<number, bigint>();
      for (const { partition, tenantId } of places) {
        const remembered = partitions.get(partition);
        if (remembered === undefined) throw new Error(`There is no partition ${partition}.`);
        versions.set(partition, remembered.version);
        const tenants = known.get(partition) ?? new Map();
        known.set(partition, tenants.set(tenantId, remembered.tenants.get(tenantId)));
      }
      const find = ({ partition, tenantId }: TenantPlace): Known | undefined =>
        known.get(partition)?.get(tenantId);
      return {
        versions,
        of: (place) => find(place)?.rules,
        tooOldBefore: (place) => find(place)?.tooOldBefore,
      };
    },
  };
}
