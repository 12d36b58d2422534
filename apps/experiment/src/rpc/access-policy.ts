import { ExperimentService } from '@parley/contracts/parley/experiment/v1/experiment_service';
import type { AccessPolicy } from '@parley/rpc';

/** Running a test needs scope `experiment`, looking at one `read`. */
export const experimentAccess: AccessPolicy = {
  [`${ExperimentService.typeName}/RunAbTest`]: {
    callers: ['tenant', 'operator'],
    scopes: ['experiment'],
    tenant: 'required',
  },
  [`${ExperimentService.typeName}/AnalyzeAbTest`]: {
    callers: ['tenant', 'operator'],
    scopes: ['read'],
    tenant: 'required',
  },
};
