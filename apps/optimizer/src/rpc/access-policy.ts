import { OptimizerService } from '@parley/contracts/parley/optimizer/v1/optimizer_service';
import type { AccessPolicy } from '@parley/rpc';

/** Advice is for keys with scope `read`. */
export const optimizerAccess: AccessPolicy = {
  [OptimizerService.typeName]: { callers: ['tenant', 'operator'], scopes: ['read'], tenant: 'required' },
};
