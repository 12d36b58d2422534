import type { NamedMigration } from '@parley/database';
import { createMemberOrdinals } from './0001-create-member-ordinals.ts';
import { createFacts } from './0002-create-facts.ts';
import { createRollups } from './0003-create-rollups.ts';
import { createProjections } from './0004-create-projections.ts';
import { keepHistories } from './0005-keep-histories.ts';
import { sealFacts } from './0006-seal-facts.ts';
import { createConversations } from './0007-create-conversations.ts';
import { keepLatencyAndRevenue } from './0008-keep-latency-and-revenue.ts';
import { keepSegments } from './0009-keep-segments.ts';
import { createHealthSettings } from './0010-create-health-settings.ts';
import { keepBotMetrics } from './0011-keep-bot-metrics.ts';
import { keepCheckouts } from './0012-keep-checkouts.ts';
import { countLateness } from './0013-count-lateness.ts';
import { createAlerts } from './0014-create-alerts.ts';
import { keepVerifications } from './0015-keep-verifications.ts';
import { dateErasures } from './0016-date-erasures.ts';

/** In the order in which they are applied. */
export const migrations: readonly NamedMigration[] = [
  createMemberOrdinals,
  createFacts,
  createRollups,
  createProjections,
  keepHistories,
  sealFacts,
  createConversations,
  keepLatencyAndRevenue,
  keepSegments,
  createHealthSettings,
  keepBotMetrics,
  keepCheckouts,
  countLateness,
  createAlerts,
  keepVerifications,
  dateErasures,
];
