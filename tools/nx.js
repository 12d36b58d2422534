// Nx as Parley runs it, on a Node that is new enough: `node tools/nx.js run-many -t test`.
import './check-node.js';

// Plugins in processes of their own gain nothing here, and were seen to hang in containers with a cold graph.
process.env.NX_ISOLATE_PLUGINS = 'false';
process.env.NX_DAEMON = 'false';
await import('nx/bin/nx.js');
