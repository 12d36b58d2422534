// Promises a package, from now on, to its callers: `npm run release-proto -- parley.metrics.v1`.
import { repository } from './buf.ts';
import { release, releasedImage } from './released.ts';

const [name, ...more] = process.argv.slice(2);
if (name === undefined || more.length > 0) {
  process.stderr.write('Usage: npm run release-proto -- PACKAGE\n');
  process.exitCode = 2;
} else {
  const { released, refused } = release(repository, name);
  if (refused === undefined) process.stdout.write(`${releasedImage} now holds ${released.join(', ')}.\n`);
  else process.stderr.write(`${refused}\n`);
  process.exitCode = refused === undefined ? 0 : 1;
}
