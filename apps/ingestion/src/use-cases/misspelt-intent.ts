/** The intents that the guide's rates count, and what other tools and teams write for them; letters alone. */
const writtenFor: ReadonlyMap<string, string> = new Map([
  ...['escalate', 'escalation', 'escalated', 'escalatetohuman', 'escalatetoagent', 'handoff', 'handover'].map(
    (written) => [written, 'escalate'] as const,
  ),
  ...[
    'humanhandoff',
    'humanhandover',
    'agenthandoff',
    'transfertoagent',
    'transfertohuman',
    'talktohuman',
  ].map((written) => [written, 'escalate'] as const),
  ...['abandoned', 'abandon', 'abandonment'].map((written) => [written, 'abandoned'] as const),
  ...['fallback', 'nlufallback', 'defaultfallback', 'defaultfallbackintent', 'fallbackintent', 'nomatch'].map(
    (written) => [written, 'fallback'] as const,
  ),
]);

/** The guide's intent that one like it, which counts as none of the guide's, seems to stand for. */
export function misspeltIntent(intent: string): string | undefined {
  const meant = writtenFor.get(intent.toLowerCase().replaceAll(/[^a-z]/g, ''));
  return meant === intent ? undefined : meant;
}
