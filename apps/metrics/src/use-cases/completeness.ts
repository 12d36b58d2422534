import { completenessOf, learnLateness } from '@parley/kpi';
import type { Completeness, LatenessCurve } from '@parley/kpi';
import type { ProjectionReader } from '@parley/projection';
import type { Now } from '@parley/runtime';
import { readLateness } from '../storage/lateness-store.ts';

/** Says how much of a tenant's windows is there. */
export interface CompletenessTeller {
  /** As by the instant `at`; undefined where too little is known of how late the tenant's events come. */
  tell(
    tenant: { readonly tenantId: string; readonly partition: number },
    window: { readonly start: Date; readonly end: Date },
    at: Date,
    signal: AbortSignal,
  ): Promise<Completeness | undefined>;
}

/** What is learned from weeks does not change in a minute. */
const freshMs = 60_000;
const maxTenants = 1_000;

interface Learned {
  readonly curve: Promise<LatenessCurve | undefined>;
  readonly learnedAt: number;
}

export function createCompletenessTeller(reader: ProjectionReader, now: Now): CompletenessTeller {
  /** The tenant that was asked about longest ago first. */
  const known = new Map<string, Learned>();
  const curveOf = (
    { tenantId, partition }: { readonly tenantId: string; readonly partition: number },
    signal: AbortSignal,
  ): Promise<LatenessCurve | undefined> => {
    const at = now().getTime();
    const before = known.get(tenantId);
    known.delete(tenantId);
    const isFresh = before !== undefined && at - before.learnedAt < freshMs;
    const learned = isFresh ? before : { learnedAt: at, curve: learn(tenantId, partition, signal) };
    known.set(tenantId, learned);
    learned.curve.catch(() => known.delete(tenantId));
    const [oldest] = known.keys();
    if (known.size > maxTenants && oldest !== undefined) known.delete(oldest);
    return learned.curve;
  };
  const learn = (tenantId: string, partition: number, signal: AbortSignal) =>
    reader.read({ tenantId, partition, signal }, async ({ tx, generation, watermark }) =>
      learnLateness(await readLateness(tx, { partition, tenantId, generation }, watermark.completeTo)),
    );
  return {
    async tell(tenant, window, at, signal) {
      const curve = await curveOf(tenant, signal);
      return curve && completenessOf(curve, window, at);
    },
  };
}
