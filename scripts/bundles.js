// What is built, and how: for a checkout with source maps, for the package without.
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { browserBundle, serviceWorkerBundle } from './browser-bundle.js'

/** CommonJS packages that are bundled into a module load Node's own modules by `require`. */
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
      // A Worker of somebody else imports the doors that it mounts, and carries no other.
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
      entryPoints: { client: 'client/index.ts' },
      outdir,
      // Codecs are chunks of their own, loaded when a batch needs them.
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
  // Keeps its mode: the runtime is started by it.
  await copyFile('client/cli/runtime-launcher.sh', join(outdir, 'runtime-launcher.sh'))
}
