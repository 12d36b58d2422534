import type { ServiceImpl } from '@connectrpc/connect';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type {
  ConversationSettingsSchema,
  SettingsService,
} from '@parley/contracts/parley/metrics/v1/settings_service';
import { invalidArgument } from '@parley/errors';
import { tenantOf } from '@parley/rpc';
import type { ConversationSettings } from '../projection/conversation-rules.ts';
import {
  changeConversationSettings,
  currentConversationSettings,
} from '../use-cases/conversation-settings.ts';
import type { SettingsDependencies } from '../use-cases/conversation-settings.ts';
import { currentHealthSettings, changeHealthSettings } from '../use-cases/health-rules.ts';
import { parseHealthSettings, toHealthMessage } from './health-settings-messages.ts';

/** Answers SettingsService. */
export function createSettingsRoutes(
  dependencies: SettingsDependencies,
): ServiceImpl<typeof SettingsService> {
  return {
    async getConversationSettings(_request, handler) {
      const settings = await currentConversationSettings(dependencies, tenantOf(handler));
      return { settings: settings.map(toMessage) };
    },
    async updateConversationSettings({ settings }, handler) {
      const gapSeconds = Number(settings?.inactivityGapSeconds ?? 0n);
      if (gapSeconds > 0 && gapSeconds < 60) {
        const field = 'settings.inactivity_gap_seconds';
        throw invalidArgument([{ field, description: 'must be 0 or at least 60', reason: 'OUT_OF_RANGE' }]);
      }
      if (settings?.effectiveFrom !== undefined) {
        const field = 'settings.effective_from';
        throw invalidArgument([{ field, description: 'must be absent', reason: 'SET_BY_SERVICE' }]);
      }
      const changed = await changeConversationSettings(dependencies, tenantOf(handler), {
        botId: settings?.botId ?? '',
        inactivityGapMs: gapSeconds * 1_000,
        handoffIntents: settings?.handoffIntents ?? [],
      });
      return { settings: toMessage(changed) };
    },
    async getHealthSettings(_request, handler) {
      const settings = await currentHealthSettings(dependencies, tenantOf(handler));
      return { settings: settings.map(toHealthMessage) };
    },
    async updateHealthSettings({ settings }, handler) {
      const told = parseHealthSettings(settings);
      const rule = await changeHealthSettings(dependencies, tenantOf(handler), told);
      return { settings: toHealthMessage({ botId: told.botId, ...rule }) };
    },
  };
}

function toMessage(settings: ConversationSettings): MessageInitShape<typeof ConversationSettingsSchema> {
  const { botId, inactivityGapMs, handoffIntents, effectiveFrom } = settings;
  return {
    botId,
    inactivityGapSeconds: BigInt(inactivityGapMs / 1_000),
    handoffIntents: [...handoffIntents],
    effectiveFrom: timestampFromDate(effectiveFrom),
  };
}
