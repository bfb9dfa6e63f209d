// Bundles the browser client, and checks how much of it a page must load before it can write.
import { readFile } from 'node:fs/promises'
import { relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, transform } from 'esbuild'

/** Maximum size of the entry file with its static imports, gzipped. */
const ENTRY_BYTES_MAX = 15_000
/** Maximum size of what `edgelog/browser/streams` adds to the client, gzipped. */
const STREAMS_BYTES_MAX = 15_000
/** Maximum size of what `edgelog/browser/sql` adds to the client before its first query, gzipped. */
const SQL_BYTES_MAX = 4_000
/**
 * Maximum size of what the first query loads, gzipped: the grammar of queries and sources, types, expressions and
 * formats. Functions, by family, and patterns of time are loaded by the statements that need them.
 */
const SQL_LANGUAGE_BYTES_MAX = 30_000

/**
 * Replaces the constants of each `limits.ts` by their values: esbuild does not drop a product such as `4 * MIB`, so a
 * page would load the limits of the server.
 */
const limitsAsValues = {
  name: 'limits-as-values',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]limits\.ts$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, 'utf8'), { loader: 'ts' })
      const limits = await import(`data:text/javascript,${encodeURIComponent(code)}`)
      const lines = Object.entries(limits).map(([name, value]) => {
        if (!['number', 'string'].includes(typeof value)) throw new Error(`${path}: ${name}`)
        return `export const ${name} = ${JSON.stringify(value)}`
      })
      return { contents: lines.join('\n'), loader: 'js' }
    })
  },
}

const shared = {
  bundle: true,
  format: 'esm',
  target: 'es2024',
  platform: 'browser',
  minify: true,
  logLevel: 'warning',
  plugins: [limitsAsValues],
}

/** Options for the page's client; the folder is complete, so pages without a bundler can use it. */
export function browserBundle(outdir) {
  return {
    ...shared,
    outdir,
    // One build: a topology runs on the client's own parts.
    entryPoints: {
      browser: 'client/browser/index.ts',
      streams: 'client/browser/streams/index.ts',
      sql: 'client/browser/sql/index.ts',
    },
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

/** Prints the gzipped sizes of the client's parts; returns false if a page must load too much. */
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
  const loadedBy = (source, kinds = ['import-statement']) => {
    const [entry] = Object.entries(metafile.outputs).find(([, out]) => out.entryPoint === source)
    const files = new Set([entry])
    for (const file of files) {
      for (const { path, kind } of metafile.outputs[file].imports) {
        if (kinds.includes(kind)) files.add(path)
      }
    }
    return files
  }
  const page = loadedBy('client/browser/index.ts')
  const engine = loadedBy('client/browser/engine.ts').difference(page)
  const group = loadedBy('client/group/group-consumer.ts').difference(page).difference(engine)
  const streams = loadedBy('client/browser/streams/index.ts').difference(page).difference(engine)
  const tasks = loadedBy('client/browser/streams/page-topology.ts')
    .difference(page)
    .difference(engine)
    .difference(streams)
  const sql = loadedBy('client/browser/sql/index.ts').difference(page).difference(engine)
  const language = loadedBy('client/browser/sql/page-queries.ts')
    .difference(page)
    .difference(engine)
    .difference(sql)
  const onDemand = loadedBy('client/browser/sql/page-queries.ts', [
    'import-statement',
    'dynamic-import',
  ])
    .difference(loadedBy('client/browser/index.ts', ['import-statement', 'dynamic-import']))
    .difference(sql)
    .difference(language)
  const kB = (bytes) => `${(bytes / 1_000).toFixed(1)} kB`
  console.log(
    `browser client, gzipped: ${kB(sizeOf(page))} to queue records (at most ${kB(ENTRY_BYTES_MAX)}), ` +
      `then ${kB(sizeOf(engine))} to read and sync, ${kB(sizeOf(group))} more for groups, ` +
      `${kB(sizeOf(streams))} more for topologies (at most ${kB(STREAMS_BYTES_MAX)}), ` +
      `${kB(sizeOf(tasks))} more to run them, ` +
      `${kB(sizeOf(sql))} more for SQL (at most ${kB(SQL_BYTES_MAX)}), ` +
      `${kB(sizeOf(language))} more with its first query (at most ${kB(SQL_LANGUAGE_BYTES_MAX)}), ` +
      `${kB(sizeOf(onDemand))} more if queries call functions of all families`,
  )
  const limits = [
    ['to queue records', sizeOf(page), ENTRY_BYTES_MAX],
    ['for topologies', sizeOf(streams), STREAMS_BYTES_MAX],
    ['for SQL', sizeOf(sql), SQL_BYTES_MAX],
    ['for the first query of SQL', sizeOf(language), SQL_LANGUAGE_BYTES_MAX],
  ]
  const exceeded = limits.filter(([, bytes, bytesMax]) => bytes > bytesMax)
  for (const [what, bytes, bytesMax] of exceeded) {
    console.error(`browser client: ${bytes} bytes ${what}; at most ${bytesMax} are allowed`)
  }
  return exceeded.length === 0
}
