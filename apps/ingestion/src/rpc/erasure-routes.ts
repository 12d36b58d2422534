import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ErasureService } from '@parley/contracts/parley/ingestion/v1/erasure_service';
import type { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { DomainError, invalidArgument } from '@parley/errors';
import { pageSizeOf, readPageToken, readTokenTime, tenantOf, writePageToken } from '@parley/rpc';
import type { ErasureCoordinator } from '@parley/service';
import type { ErasureReceipt, ErasureStore } from '../storage/erasure-store.ts';
import { eraseMember } from '../use-cases/erase-member.ts';
import type { EraseMemberDependencies } from '../use-cases/erase-member.ts';

export interface ErasureRouteDependencies extends EraseMemberDependencies {
  readonly erasures: ErasureStore;
  /** Those that must confirm. */
  readonly services: readonly string[];
}

type ErasureMethods = 'eraseMember' | 'getErasure' | 'listErasures';

/** The calls by which a member is erased, and by which it is seen how far that is. */
export function createErasureRoutes(
  dependencies: ErasureRouteDependencies,
): Pick<ServiceImpl<typeof PrivacyService>, ErasureMethods> {
  const { erasures, services } = dependencies;
  const toReceipt = (receipt: ErasureReceipt) => ({
    receiptId: receipt.receiptId,
    requestedAt: timestampFromDate(receipt.requestedAt),
    ...(receipt.completedAt && { completedAt: timestampFromDate(receipt.completedAt) }),
    erased: [...receipt.places],
    pendingServices:
      receipt.completedAt === undefined
        ? ['ingestion', ...services.filter((service) => !receipt.confirmed.includes(service))]
        : [],
  });
  return {
    async eraseMember({ memberId }, context) {
      const tenant = tenantOf(context);
      if (memberId.includes('\0')) {
        throw invalidArgument([{ field: 'member_id', description: 'must not contain NUL' }]);
      }
      const receipt = await erasures.find(tenant, await eraseMember(dependencies, tenant, memberId));
      if (receipt === undefined) throw new Error('An erasure has no receipt.');
      return { receipt: toReceipt(receipt) };
    },

    async getErasure({ receiptId }, context) {
      const receipt = await erasures.find(tenantOf(context), receiptId);
      if (receipt === undefined) {
        throw new DomainError(`There is no receipt ${JSON.stringify(receiptId)}.`, {
          kind: 'not-found',
          reason: 'ERASURE_NOT_FOUND',
          facts: { receipt_id: receiptId },
        });
      }
      return { receipt: toReceipt(receipt) };
    },

    async listErasures({ pageSize, pageToken }, context) {
      const tenant = tenantOf(context);
      const filters = ['erasures', tenant.tenantId];
      const limit = pageSizeOf(pageSize, { usual: 50 });
      const cursor = readPageToken(pageToken, filters, 2);
      const after = cursor && { requestedAt: readTokenTime(cursor[0]), receiptId: cursor[1] ?? '' };
      const found = await erasures.list(tenant, { after, limit: limit + 1 });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1) : undefined;
      return {
        receipts: page.map(toReceipt),
        nextPageToken:
          last === undefined
            ? ''
            : writePageToken(filters, [String(last.requestedAt.getTime()), last.receiptId]),
      };
    },
  };
}

/** The calls by which other services confirm. */
export function createConfirmationRoutes(
  coordinator: ErasureCoordinator,
): ServiceImpl<typeof ErasureService> {
  return {
    async listPendingErasures({ service }, context) {
      const pending = await coordinator.listPending(service, context.signal);
      return {
        erasures: pending.map(({ memberIds, isLogEmptied, ...erasure }) => ({
          ...erasure,
          memberIds: [...memberIds],
          logEmptied: isLogEmptied,
        })),
      };
    },
    async confirmErasure({ logEmptied, ...confirmation }, context) {
      await coordinator.confirm({ ...confirmation, isLogEmptied: logEmptied }, context.signal);
      return {};
    },
  };
}
