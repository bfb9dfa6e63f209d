/** Bundles a test Worker as `scripts/build.js` bundles the product. */
import { build, type Plugin } from 'esbuild'

/**
 * @param define the text that replaces a name, by the name
 * @returns `outfile`
 */
export async function bundleWorker(
  entry: string,
  outfile: string,
  plugins: Plugin[] = [],
  define: Readonly<Record<string, string>> = {},
): Promise<string> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2024',
    external: ['cloudflare:*', 'node:*'],
    conditions: ['workerd', 'worker', 'browser'],
    logLevel: 'warning',
    plugins,
    define,
  })
  return outfile
}
