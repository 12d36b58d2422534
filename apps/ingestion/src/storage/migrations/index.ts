import type { NamedMigration } from '@parley/database';
import { createEventLog } from './0001-create-event-log.ts';
import { reserveOffsets } from './0002-reserve-offsets.ts';
import { createTenants } from './0003-create-tenants.ts';
import { createQuarantine } from './0004-create-quarantine.ts';
import { createProjections } from './0005-create-projections.ts';
import { createReadModel } from './0006-create-read-model.ts';
import { createViews } from './0007-create-views.ts';
import { slimReadModel } from './0008-slim-read-model.ts';
import { reserveOffsetsByFamily } from './0009-reserve-offsets-by-family.ts';
import { indexRecordsByTime } from './0010-index-records-by-time.ts';
import { keepUnderstandings } from './0011-keep-understandings.ts';
import { auditTextReads } from './0012-audit-text-reads.ts';
import { expireKeys } from './0013-expire-keys.ts';
import { keepReportedTimes } from './0014-keep-reported-times.ts';
import { createCollectionCounts } from './0015-create-collection-counts.ts';
import { createLanguage } from './0016-create-language.ts';
import { createRetention } from './0017-create-retention.ts';
import { createPrivacy } from './0018-create-privacy.ts';
import { claimOffsets } from './0019-claim-offsets.ts';
import { createErasures } from './0020-create-erasures.ts';
import { limitTenants } from './0021-limit-tenants.ts';
import { sealRawEvents } from './0022-seal-raw-events.ts';
import { countByBot } from './0023-count-by-bot.ts';
import { keepOmittedResponses } from './0024-keep-omitted-responses.ts';
import { countBots } from './0025-count-bots.ts';
import { keepVerifications } from './0026-keep-verifications.ts';

/** The steps of the schema, in the order in which they are applied; none is changed once it is released. */
export const migrations: readonly NamedMigration[] = [
  createEventLog,
  reserveOffsets,
  createTenants,
  createQuarantine,
  createProjections,
  createReadModel,
  createViews,
  slimReadModel,
  reserveOffsetsByFamily,
  indexRecordsByTime,
  keepUnderstandings,
  auditTextReads,
  expireKeys,
  keepReportedTimes,
  createCollectionCounts,
  createLanguage,
  createRetention,
  createPrivacy,
  claimOffsets,
  createErasures,
  limitTenants,
  sealRawEvents,
  countByBot,
  keepOmittedResponses,
  countBots,
  keepVerifications,
];
