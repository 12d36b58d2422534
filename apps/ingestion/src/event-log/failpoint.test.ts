import { expect, test } from 'vitest';
import { armFailpoint } from './failpoint.ts';

test('kills at the step that is armed, when it is reached for the n-th time', () => {
  let kills = 0;
  const reach = armFailpoint('append:copied@2', () => (kills += 1));

  reach('append:copied');
  reach('append:committed');
  expect(kills).toBe(0);
  reach('append:copied');
  reach('append:copied');
  expect(kills).toBe(1);
});

test('does nothing unless set, and refuses what is no step', () => {
  const reach = armFailpoint(undefined, () => {
    throw new Error('killed');
  });
  reach('append:locked');

  for (const setting of ['', 'append', 'append:copied@0', 'append:copied@x']) {
    expect(() => armFailpoint(setting, () => undefined)).toThrow(/Not a failpoint/);
  }
});
