import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  HealthSettings as HealthSettingsMessage,
  HealthSettingsSchema,
} from '@parley/contracts/parley/metrics/v1/settings_service';
import { invalidArgument } from '@parley/errors';
import type { HealthSettings } from '../storage/health-settings.ts';

/**
 * What a tenant says of how a bot is judged.
 * @throws DomainError `invalid-argument` naming each target that is no share that can be aimed at.
 */
export function parseHealthSettings(message: HealthSettingsMessage | undefined): HealthSettings {
  const {
    botId = '',
    successTarget = 0,
    latencyTarget = 0,
    latencyThresholdMs = 0n,
    minSampleSize = 0n,
  } = message ?? {};
  const violations = Object.entries({ success_target: successTarget, latency_target: latencyTarget })
    .filter(([, target]) => target !== 0 && !(target > 0.5 && target < 1))
    .map(([name]) => ({
      field: `settings.${name}`,
      description: 'must be 0, or above 0.5 and below 1',
      reason: 'OUT_OF_RANGE',
    }));
  if (violations.length > 0) throw invalidArgument(violations);
  return {
    botId,
    successTarget: successTarget || null,
    latencyTarget: latencyTarget || null,
    latencyThresholdMs: Number(latencyThresholdMs) || null,
    minSampleSize: Number(minSampleSize) || null,
  };
}

/** What was not said is 0. */
export function toHealthMessage({
  botId,
  successTarget,
  latencyTarget,
  latencyThresholdMs,
  minSampleSize,
}: HealthSettings): MessageInitShape<typeof HealthSettingsSchema> {
  return {
    botId,
    successTarget: successTarget ?? 0,
    latencyTarget: latencyTarget ?? 0,
    latencyThresholdMs: BigInt(latencyThresholdMs ?? 0),
    minSampleSize: BigInt(minSampleSize ?? 0),
  };
}
