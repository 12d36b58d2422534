import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { pageSizeOf, readPageToken, readTokenTime, tenantOf, writePageToken } from '@parley/rpc';
import type { TextReadStore } from '../storage/text-read-store.ts';

/** The call by which a tenant sees who read its texts. */
export function createTextReadListing(
  textReads: TextReadStore,
): ServiceImpl<typeof PrivacyService>['listTextReads'] {
  return async ({ pageSize, pageToken }, context) => {
    const tenant = tenantOf(context);
    const filters = ['text reads', tenant.tenantId];
    const limit = pageSizeOf(pageSize, { usual: 50 });
    const cursor = readPageToken(pageToken, filters, 2);
    const after = cursor && { readAt: readTokenTime(cursor[0]), readId: cursor[1] ?? '' };
    const found = await textReads.list(tenant, { after, limit: limit + 1 });
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    return {
      reads: page.map(({ readAt, keyId, method, rowCount, request }) => ({
        readAt: timestampFromDate(readAt),
        keyId,
        method,
        rowCount,
        request,
      })),
      nextPageToken:
        last === undefined ? '' : writePageToken(filters, [String(last.readAt.getTime()), last.readId]),
    };
  };
}
