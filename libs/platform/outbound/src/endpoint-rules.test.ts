import { expect, test } from 'vitest';
import { createEndpointRules } from './endpoint-rules.ts';

const rules = createEndpointRules([]);
const reasonOf = (url: string, of = rules) =>
  of.check(url, 'url').then(
    () => 'taken',
    (error: { violations: { reason: string }[] }) => error.violations[0]?.reason,
  );

test.each([
  'https://127.0.0.1/',
  'https://127.1/',
  'https://2130706433/',
  'https://0x7f.0.0.1/',
  'https://0.0.0.0/',
  'https://10.1.2.3/',
  'https://172.31.255.255/',
  'https://192.168.0.1/',
  'https://169.254.169.254/latest/meta-data',
  'https://100.64.0.1/',
  'https://224.0.0.1/',
  'https://255.255.255.255/',
  'https://localhost/',
  'https://[::1]/',
  'https://[::]/',
  'https://[fe80::1]/',
  'https://[fc00::1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:8.8.8.8]/',
  'https://[64:ff9b::7f00:1]/',
  'https://[2002:7f00:1::]/',
  'https://[2001:0:1::]/',
])('%s is refused', async (url) => {
  expect(await reasonOf(url)).toBe('ADDRESS_REFUSED');
});

test.each([
  ['http://8.8.8.8/', 'URL_NOT_HTTPS'],
  ['ftp://8.8.8.8/', 'URL_NOT_HTTPS'],
  ['https://user@8.8.8.8/', 'URL_INVALID'],
  ['https://8.8.8.8/#here', 'URL_INVALID'],
  ['nonsense', 'URL_INVALID'],
  ['https://8.8.8.8/read?model=1', 'taken'],
  ['https://[2606:4700::1111]/', 'taken'],
])('%s is %s', async (url, reason) => {
  expect(await reasonOf(url)).toBe(reason);
});

test('what the operator allows is taken, and nothing beside it', async () => {
  const own = createEndpointRules(['10.1.0.0/16', 'fd00::/8']);
  expect(await reasonOf('https://10.1.9.9/', own)).toBe('taken');
  expect(await reasonOf('https://[fd00::1]/', own)).toBe('taken');
  expect(await reasonOf('https://10.2.0.1/', own)).toBe('ADDRESS_REFUSED');
});

test('a name is refused when one of its addresses is, now or when it is called', async () => {
  const addresses = [{ address: '8.8.8.8', family: 4 }];
  const named = createEndpointRules([], async () => addresses);
  expect(await reasonOf('https://hooks.example.com/', named)).toBe('taken');
  addresses.push({ address: '169.254.169.254', family: 4 });
  expect(await reasonOf('https://hooks.example.com/', named)).toBe('ADDRESS_REFUSED');
  await expect(named.resolve('hooks.example.com')).rejects.toMatchObject({ reason: 'ADDRESS_REFUSED' });
});
