// Fails when proto breaks a released package: `npm run breaking`.
import { repository } from './buf.ts';
import { compareWithReleased, releasedImage, releasedPackages } from './released.ts';

const released = releasedPackages(repository);
if (released.length === 0) {
  process.stdout.write(`No package is released yet (${releasedImage} names none), so nothing can break.\n`);
} else {
  const { ok, output } = compareWithReleased(repository);
  process.stdout.write(ok ? `Nothing breaks ${released.join(', ')}.\n` : `${output}\n`);
  process.exitCode = ok ? 0 : 1;
}
