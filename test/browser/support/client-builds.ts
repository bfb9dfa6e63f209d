/** Builds of the client in addition to the one in dist/: with some lines changed, or a different client. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'

const ROOT = join(import.meta.dirname, '../../..')
const CLIENT = join(ROOT, 'client/browser/index.ts')
/** A client without sequences. */
export const BROKEN_CLIENT = join(ROOT, 'test/browser/broken/index.ts')

export interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** Bundles a client into `folder`. @throws {Error} if the code to change no longer exists. */
export async function buildClient(
  folder: string,
  { entry = CLIENT, edits = [] }: { entry?: string; edits?: readonly Edit[] } = {},
): Promise<void> {
  const missing = new Set(edits)
  const editing: Plugin = {
    name: 'edit',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const wanted = edits.filter(({ file }) => path.endsWith(file))
        if (wanted.length === 0) return undefined
        let contents = await readFile(path, 'utf8')
        for (const edit of wanted) {
          if (contents.includes(edit.find)) missing.delete(edit)
          contents = contents.replace(edit.find, () => edit.replace)
        }
        return { contents, loader: 'ts' }
      })
    },
  }
  await build({
    entryPoints: { browser: entry },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2024',
    platform: 'browser',
    logLevel: 'warning',
    plugins: [editing],
  })
  for (const { file, find } of missing) throw new Error(`${file} no longer holds: ${find}`)
}
