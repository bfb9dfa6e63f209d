// Builds the Worker, the client and the command line into dist/. Fast enough to run at every start.
import { build } from 'esbuild'

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
  build({
    ...shared,
    // For pages without a bundler too: nothing outside this folder is needed.
    entryPoints: { browser: 'client/browser/index.ts' },
    outdir: 'dist/browser',
    splitting: true,
    chunkNames: '[name]-[hash]',
    platform: 'browser',
    minify: true,
  }),
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
    // For pages without a bundler too: nothing outside this folder is needed.
    entryPoints: { browser: 'client/browser/index.ts' },
    outdir: 'dist/browser',
    splitting: true,
    chunkNames: '[name]-[hash]',
    platform: 'browser',
    minify: true,
  }),
  build({
    ...shared,
    entryPoints: { cli: 'client/cli/main.ts' },
    outdir: 'dist',
    platform: 'node',
    target: 'node20',
    packages: 'external',
  }),
])
