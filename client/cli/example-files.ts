/**
 * Serves `/examples/` of `edgelog dev`: the pages, and the browser client that they load.
 *
 *     /examples/edgelog/FILE -> dist/browser/FILE
 *     /examples/PATH         -> examples/PATH, or its index.html
 */
import { readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'

/** The package folder: the same in a checkout, in `dist`, and in an installation. */
const PACKAGE_DIR = dirname(createRequire(import.meta.url).resolve('edgelog/package.json'))

/** Types by extension; files with other extensions are not served. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
}

/** A safe path segment: no `..`, no encoded separator, no hidden file. */
const SEGMENT = /^\w[\w.-]*$/

interface ExampleFile {
  readonly status: 200 | 308 | 404
  readonly headers: Record<string, string>
  readonly body: Uint8Array<ArrayBuffer> | null
}

const NOT_FOUND: ExampleFile = { status: 404, headers: {}, body: null }

/** @param pathname as in a URL, percent-encoded */
export async function exampleFile(pathname: string): Promise<ExampleFile> {
  const [root, top, ...segments] = pathname.split('/')
  if (root !== '' || top !== 'examples') return NOT_FOUND
  const isFolder = segments.at(-1) === ''
  const names = isFolder ? segments.slice(0, -1) : segments
  if (!names.every((name) => SEGMENT.test(name))) return NOT_FOUND
  const path =
    names[0] === 'edgelog'
      ? join(PACKAGE_DIR, 'dist/browser', ...names.slice(1))
      : join(PACKAGE_DIR, 'examples', ...names)
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() && !isFolder) {
    return { status: 308, headers: { Location: `${pathname}/` }, body: null }
  }
  if (found?.isFile() && isFolder) return NOT_FOUND
  return await readPage(isFolder ? join(path, 'index.html') : path)
}

async function readPage(path: string): Promise<ExampleFile> {
  const contentType = CONTENT_TYPES[extname(path)]
  if (contentType === undefined) return NOT_FOUND
  try {
    const body = new Uint8Array(await readFile(path))
    return { status: 200, headers: { 'Content-Type': contentType }, body }
  } catch {
    return NOT_FOUND
  }
}
