import { expect, test } from 'vitest';
import { evaluateConversationKpi } from './conversation-definition.ts';
import type { ConversationSums } from './conversation-definition.ts';
import {
  conversationDefinitions,
  noResponseRate,
  reopenRate,
  sessionBounceRate,
} from './conversation-definitions.ts';
import { conversationKpis } from './conversation-kpis.ts';
import { conversationCounters, emptyConversationState } from './conversation-state.ts';
import { kpiDefinitions } from './kpi-definitions.ts';
import { emptyState } from './kpi-state.ts';

const nothing: ConversationSums = {
  conversations: emptyConversationState,
  interactions: emptyState,
  awaitingCount: 0,
  gapMs: 1_800_000,
};

test('definitions are listed in the order of their ids, and no two of all share an id or a name', () => {
  const ids = conversationDefinitions.map(({ definitionId }) => definitionId);
  expect(ids).toEqual([...ids].sort());
  const all = [...kpiDefinitions, ...conversationDefinitions];
  expect(new Set(all.map(({ definitionId }) => definitionId)).size).toBe(all.length);
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});

test.each(conversationDefinitions.map((definition) => [definition.name, definition] as const))(
  '%s of nothing is 0 without data and without interval',
  (_, definition) => {
    const value = evaluateConversationKpi(definition, nothing);
    expect(value).toMatchObject({ value: 0, hasData: false, numerator: 0, sampleSize: 0 });
    expect(value).not.toHaveProperty('interval');
  },
);

test('exactly what depends on the gap names it, and says where bots differ', () => {
  const idWith = (gapMs: number | undefined) =>
    evaluateConversationKpi(sessionBounceRate, { ...nothing, gapMs }).definitionId;
  expect(idWith(1_800_000)).toBe('parley.v1/session_bounce_rate?gap=30m');
  expect(idWith(86_400_000)).toBe('parley.v1/session_bounce_rate?gap=1440m');
  expect(idWith(90_000)).toBe('parley.v1/session_bounce_rate?gap=90s');
  expect(idWith(undefined)).toBe('parley.v1/session_bounce_rate?gap=mixed');
  expect(evaluateConversationKpi(noResponseRate, nothing).definitionId).toBe('parley.v1/no_response_rate');
});

test('who still waits for a response is left out of both parts of the rate', () => {
  const interactions = { ...emptyState, interactionCount: 10, withoutResponseCount: 4, lateResponseCount: 1 };
  const value = evaluateConversationKpi(noResponseRate, { ...nothing, interactions, awaitingCount: 2 });
  expect(value).toMatchObject({ numerator: 3, denominator: 8, value: 0.375 });
});

test('what came back is what was not resolved at first contact', () => {
  const conversations = { ...emptyConversationState, resolved7dCount: 8, firstContactCount: 6 };
  expect(evaluateConversationKpi(reopenRate, { ...nothing, conversations })).toMatchObject({ value: 0.25 });
});

test('every sum goes into some figure', () => {
  const used = conversationCounters.filter((counter) => {
    const conversations = { ...emptyConversationState, [counter]: 7 };
    return conversationDefinitions.some((definition) => {
      const { numerator, denominator } = definition.parts({ ...nothing, conversations });
      const none = definition.parts(nothing);
      return numerator !== none.numerator || denominator !== none.denominator;
    });
  });
  expect(used).toEqual(conversationCounters);
});

test('the dashboard gives each figure by its own definition', () => {
  const names = Object.values(conversationKpis(nothing)).map(({ definitionId }) =>
    definitionId.replace(/\?.*/, '').slice(definitionId.indexOf('/') + 1),
  );
  expect(names).toEqual(
    Object.keys(conversationKpis(nothing)).map((key) =>
      key.replaceAll(/[A-Z]|(?<=[a-z])\d+/g, (part) => `_${part.toLowerCase()}`),
    ),
  );
});
