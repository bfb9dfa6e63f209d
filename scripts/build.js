// Builds into dist/. Fast enough to run at every start.
import { buildAll } from './bundles.js'

await buildAll('dist', { sourcemap: true })
