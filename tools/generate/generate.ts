// Generates libs/contracts/src/gen from proto and third_party: `npm run generate`.
import { repository, runBuf } from './buf.ts';

const { ok, output } = runBuf(repository, 'generate');
process.stdout.write(ok ? 'Generated libs/contracts/src/gen.\n' : `${output}\n`);
process.exitCode = ok ? 0 : 1;
