import { expect, test } from 'vitest';
import { OptionsError, parseOptions } from './options.ts';

test('without options there is a demo on port 8080, kept in .parley', () => {
  expect(parseOptions([])).toEqual({
    port: 8080,
    dataDir: '.parley',
    databaseUrl: undefined,
    demo: true,
    json: false,
  });
});

test('every option is taken', () => {
  expect(
    parseOptions([
      '--port',
      '0',
      '--data-dir',
      '/d',
      '--database-url',
      'postgresql://u@h/d',
      '--no-demo',
      '--json',
    ]),
  ).toEqual({ port: 0, dataDir: '/d', databaseUrl: 'postgresql://u@h/d', demo: false, json: true });
});

test.each([
  [['--port', '70000'], /0 to 65535/],
  [['--port', 'x'], /0 to 65535/],
  [['--database-url', 'mysql://h'], /postgresql:/],
  [['--prot', '1'], /--prot/],
])('%j is refused', (argv, message) => {
  expect(() => parseOptions(argv)).toThrow(message);
  expect(() => parseOptions(argv)).toThrow(OptionsError);
});
