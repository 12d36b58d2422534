import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { PositionSealer } from '@parley/access';
import { ConsentScope } from '@parley/contracts/parley/ingestion/v1/event';
import type { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { invalidArgument } from '@parley/errors';
import { tenantOf } from '@parley/rpc';
import { consentSubject } from '../privacy/subjects.ts';
import type { ConsentScope as ConsentScopeName } from '../privacy/subjects.ts';
import { setConsent } from '../use-cases/set-consent.ts';
import type { ConsentDependencies } from '../use-cases/set-consent.ts';

export interface ConsentRouteDependencies extends ConsentDependencies {
  readonly positions: PositionSealer;
}

const scopes: ReadonlyMap<ConsentScope, ConsentScopeName> = new Map([
  [ConsentScope.MEMBER, 'member'],
  [ConsentScope.GROUP, 'group'],
  [ConsentScope.TENANT, 'tenant'],
]);

/** The calls by which it is said who may be stored. */
export function createConsentRoutes(
  dependencies: ConsentRouteDependencies,
): Pick<ServiceImpl<typeof PrivacyService>, 'setConsent' | 'getConsent'> {
  const { privacy, positions } = dependencies;
  return {
    async setConsent({ scope, subjectId, allowed }, context) {
      const tenant = tenantOf(context);
      const consent = { ...parseSubject(scope, subjectId), isAllowed: allowed };
      const offset = await setConsent(dependencies, tenant, consent, context.signal);
      return { position: positions.seal({ partition: tenant.partition, offset }) };
    },

    async getConsent(request, context) {
      const { partition, tenantId } = tenantOf(context);
      const place = { partition, tenantId };
      const { scope, subjectId } = parseSubject(request.scope, request.subjectId);
      const key = await privacy.findSubjectKey(place);
      const said = key && (await privacy.findConsent(place, scope, consentSubject(key, scope, subjectId)));
      if (said === undefined) return { allowed: true };
      return {
        allowed: said.isAllowed,
        changedAt: timestampFromDate(said.changedAt),
        refusedCount: said.refusedCount,
      };
    },
  };
}

function parseSubject(number: ConsentScope, subjectId: string) {
  const scope = scopes.get(number);
  if (scope === undefined) throw new RangeError(`Validation lets no scope ${number} in.`);
  if ((scope === 'tenant') !== (subjectId === '')) {
    const description = scope === 'tenant' ? 'must be empty for the tenant' : 'is required';
    throw invalidArgument([{ field: 'subject_id', description }]);
  }
  if (subjectId.includes('\0')) {
    throw invalidArgument([{ field: 'subject_id', description: 'must not contain NUL' }]);
  }
  return { scope, subjectId };
}
