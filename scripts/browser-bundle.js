// Bundles the browser client, and checks how much of it a page must load before it can write.
import { relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/** Maximum size of the entry file with its static imports, gzipped. */
const ENTRY_BYTES_MAX = 15_000

const shared = {
  bundle: true,
  format: 'esm',
  target: 'es2024',
  platform: 'browser',
  minify: true,
  logLevel: 'warning',
}

/** Options for the page's client; the folder is complete, so pages without a bundler can use it. */
export function browserBundle(outdir) {
  return {
    ...shared,
    outdir,
    entryPoints: { browser: 'client/browser/index.ts' },
    splitting: true,
    chunkNames: '[name]-[hash]',
  }
}

/** Options for the service worker's client; one file, because a service worker cannot load code on demand. */
export function serviceWorkerBundle(outdir) {
  return {
    ...shared,
    outdir,
    entryPoints: { 'service-worker': 'client/browser/service-worker.ts' },
  }
}

/** Prints the gzipped sizes of the client's parts; returns false if a page must load too much to write. */
export async function browserIsSmall() {
  const { metafile, outputFiles } = await build({
    ...browserBundle('dist/browser'),
    metafile: true,
    write: false,
  })
  const sizes = new Map(
    outputFiles.map(({ path, contents }) => [relative('.', path), gzipSync(contents).length]),
  )
  const sizeOf = (files) => [...files].reduce((sum, file) => sum + sizes.get(file), 0)
  const loadedBy = (source) => {
    const [entry] = Object.entries(metafile.outputs).find(([, out]) => out.entryPoint === source)
    const files = new Set([entry])
    for (const file of files) {
      for (const { path, kind } of metafile.outputs[file].imports) {
        if (kind === 'import-statement') files.add(path)
      }
    }
    return files
  }
  const page = loadedBy('client/browser/index.ts')
  const engine = loadedBy('client/browser/engine.ts').difference(page)
  const group = loadedBy('client/group/group-consumer.ts').difference(page).difference(engine)
  const kB = (bytes) => `${(bytes / 1_000).toFixed(1)} kB`
  console.log(
    `browser client, gzipped: ${kB(sizeOf(page))} to queue records (at most ${kB(ENTRY_BYTES_MAX)}), ` +
      `then ${kB(sizeOf(engine))} to read and sync, ${kB(sizeOf(group))} more for groups`,
  )
  const isSmall = sizeOf(page) <= ENTRY_BYTES_MAX
  if (!isSmall) {
    console.error(
      `browser client: ${sizeOf(page)} bytes to queue records; at most ${ENTRY_BYTES_MAX} are allowed`,
    )
  }
  return isSmall
}
