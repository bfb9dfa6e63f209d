/** The real server on a port and a state folder of its own, to be stopped and started again. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '../../client/cli/server.ts'

const WORKER_PATH = join(import.meta.dirname, '../../dist/worker.js')

export class TestServer {
  readonly #stateDir: string
  readonly #port: number
  readonly #token: string | undefined
  #close: (() => Promise<void>) | undefined

  constructor(stateDir: string, port: number, token: string | undefined) {
    this.#stateDir = stateDir
    this.#port = port
    this.#token = token
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    const server = await startServer({
      host: '127.0.0.1',
      port: this.#port,
      stateDir: this.#stateDir,
      workerPath: WORKER_PATH,
      ...(this.#token !== undefined && { token: this.#token }),
    })
    this.#close = () => server.close()
  }

  async stop(): Promise<void> {
    await this.#close?.()
    this.#close = undefined
  }

  async remove(): Promise<void> {
    await this.stop()
    await rm(this.#stateDir, { recursive: true, force: true })
  }
}

export async function startTestServer(options: { token?: string } = {}): Promise<TestServer> {
  const stateDir = await mkdtemp(join(tmpdir(), 'edgelog-client-'))
  const server = new TestServer(stateDir, await freePort(), options.token)
  await server.start()
  return server
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
