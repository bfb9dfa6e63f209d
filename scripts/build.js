// Builds the Worker, the client and the command line into dist/. Fast enough to run at every start.
import { copyFile } from 'node:fs/promises'
import { build } from 'esbuild'
import { BROWSER_BUNDLE, SERVICE_WORKER_BUNDLE } from './browser-bundle.js'

const shared = {
  bundle: true,
  format: 'esm',
  target: 'es2024',
  sourcemap: true,
  logLevel: 'warning',
}

await Promise.all([
  build({
    ...shared,
    entryPoints: { worker: 'src/index.ts' },
    outdir: 'dist',
    external: ['cloudflare:*', 'node:*'],
    conditions: ['workerd', 'worker', 'browser'],
    minifySyntax: true,
  }),
  build({ ...BROWSER_BUNDLE, sourcemap: true }),
  build({ ...SERVICE_WORKER_BUNDLE, sourcemap: true }),
  build({
    ...shared,
    entryPoints: { client: 'client/index.ts' },
    outdir: 'dist',
    // Codecs are chunks of their own, loaded when a batch needs them.
    splitting: true,
    chunkNames: 'client-[name]-[hash]',
    packages: 'external',
    platform: 'neutral',
    external: ['node:*'],
  }),
  build({
    ...shared,
    entryPoints: { cli: 'client/cli/main.ts', testing: 'client/testing/index.ts' },
    outdir: 'dist',
    platform: 'node',
    target: 'node20',
    packages: 'external',
  }),
])
// Keeps its mode: the runtime is started by it.
await copyFile('client/cli/runtime-launcher.sh', 'dist/runtime-launcher.sh')
