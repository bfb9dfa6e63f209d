/**
 * A blank page at its own origin, with the client as a page without a bundler would load it:
 * `window.edgelog`. Other builds of the client, newer or intentionally broken, are served beside it.
 */
import { readFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { freePort } from '../../server/free-port.ts'

const DIST = join(import.meta.dirname, '../../../dist/browser')

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.map': 'application/json',
}

/** `no-cache`, because `no-store` would keep the page out of the back/forward cache. */
const CACHING = { 'cache-control': 'no-cache' }

function pageOf(build: string): string {
  return `<!doctype html>
<title>edgelog test page</title>
<link rel="icon" href="data:,">
<script type="module">
  import * as edgelog from '/${build}/browser.js'
  window.loadSql = () => import('/${build}/sql.js')
  window.loadStreams = () => import('/${build}/streams.js')
  window.edgelog = edgelog
</script>`
}

/** As an application would write it; the server's address comes with the script's. */
const SYNC_WORKER = `import { flushOnSync } from '/edgelog/service-worker.js'
flushOnSync({ url: new URL(location.href).searchParams.get('url') })`

export class PageServer {
  /** Address of the page with the client in dist/. */
  readonly url: string
  readonly #server: Server
  readonly #folders = new Map([['edgelog', DIST]])

  constructor(port: number, server: Server) {
    this.url = `http://localhost:${port}/`
    this.#server = server
    server.on('request', (call, result) => {
      void this.#answer(new URL(call.url ?? '/', this.url), result)
    })
  }

  /** Adds a build of the client. @returns the address of the page that uses it */
  addBuild(name: string, folder: string): string {
    this.#folders.set(name, folder)
    return `${this.url}?build=${name}`
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #answer({ pathname, searchParams }: URL, result: ServerResponse): Promise<void> {
    if (pathname === '/') {
      result.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...CACHING })
      result.end(pageOf(searchParams.get('build') ?? 'edgelog'))
      return
    }
    // A service worker controls the folder that it is loaded from.
    if (pathname === '/sync-worker.js') {
      result.writeHead(200, { 'content-type': 'text/javascript', ...CACHING })
      result.end(SYNC_WORKER)
      return
    }
    const [, build = '', file = ''] = pathname.split('/')
    const folder = this.#folders.get(build)
    const content =
      folder === undefined ? undefined : await readFile(join(folder, file)).catch(() => undefined)
    result.writeHead(content === undefined ? 404 : 200, {
      'content-type': TYPES[extname(file)] ?? 'text/plain',
      ...CACHING,
    })
    result.end(content)
  }
}

export async function startPageServer(): Promise<PageServer> {
  const port = await freePort()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return new PageServer(port, server)
}
