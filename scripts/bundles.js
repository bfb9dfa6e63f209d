// Builds all bundles: with source maps for a checkout, without for the package.
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { browserBundle, serviceWorkerBundle } from './browser-bundle.js'

/** Defines `require` in a module, because bundled CommonJS packages load Node's modules with it. */
const REQUIRE = `import { createRequire as newRequire } from 'node:module'; const require = newRequire(import.meta.url)`

/** Builds the Worker, the clients and the command line into `outdir`, with all packages but miniflare inside. */
export async function buildAll(outdir, { sourcemap }) {
  const shared = {
    bundle: true,
    format: 'esm',
    target: 'es2024',
    sourcemap,
    logLevel: 'warning',
  }
  const worker = {
    ...shared,
    external: ['cloudflare:*', 'node:*'],
    conditions: ['workerd', 'worker', 'browser'],
    minifySyntax: true,
  }
  await Promise.all([
    build({ ...worker, entryPoints: { worker: 'src/index.ts' }, outdir }),
    build({
      ...worker,
      // Another Worker imports only the doors that it mounts, and contains no other.
      entryPoints: {
        app: 'src/app/app.ts',
        http: 'src/http/door.ts',
        kafka: 'src/kafka/door.ts',
        objects: 'src/objects.ts',
      },
      outdir: join(outdir, 'parts'),
      splitting: true,
      chunkNames: '[name]-[hash]',
    }),
    build({ ...browserBundle(join(outdir, 'browser')), sourcemap }),
    build({ ...serviceWorkerBundle(join(outdir, 'browser')), sourcemap }),
    build({
      ...shared,
      // Both share their errors. Codecs become separate chunks, which load when a batch needs them.
      entryPoints: { client: 'client/index.ts', streams: 'client/streams/node/index.ts' },
      outdir,
      splitting: true,
      chunkNames: 'client-[name]-[hash]',
      platform: 'neutral',
      external: ['node:*'],
    }),
    build({
      ...shared,
      entryPoints: { cli: 'client/cli/main.ts', testing: 'client/testing/index.ts' },
      outdir,
      platform: 'node',
      target: 'node20',
      external: ['miniflare'],
      banner: { js: REQUIRE },
    }),
  ])
  // `copyFile` keeps the executable mode, which starting the runtime needs.
  await copyFile('client/cli/runtime-launcher.sh', join(outdir, 'runtime-launcher.sh'))
}
