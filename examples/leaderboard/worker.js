/**
 * A Worker that runs the leaderboard beside the log:
 *
 *     npx esbuild examples/leaderboard/worker.js --bundle --format=esm --target=es2024 \
 *       --external:cloudflare:* --external:node:* --outfile=leaderboard-worker.js
 *     npx edgelog dev --worker leaderboard-worker.js
 */
import * as streams from 'edgelog/streams'
import { createApp } from 'edgelog/worker'
import { leaderboard } from './topology.js'

export { Application, Coordinator, Group, Partition, Task, Transaction } from 'edgelog/worker'

export default createApp({ streams: [leaderboard(streams)] })
