/** The real server on a port and a state folder of its own, to be stopped and started again. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
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
  #runtimePids: readonly number[] = []

  constructor(stateDir: string, port: number, token: string | undefined) {
    this.#stateDir = stateDir
    this.#port = port
    this.#token = token
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    const before = await runtimePids()
    const server = await startServer({
      host: '127.0.0.1',
      port: this.#port,
      stateDir: this.#stateDir,
      workerPath: WORKER_PATH,
      ...(this.#token !== undefined && { token: this.#token }),
    })
    this.#close = () => server.close()
    this.#runtimePids = (await runtimePids()).filter((pid) => !before.includes(pid))
  }

  async stop(): Promise<void> {
    await this.#close?.()
    this.#close = undefined
    this.#runtimePids = []
  }

  /** Ends the runtime as a power cut does. */
  async kill(): Promise<void> {
    for (const pid of this.#runtimePids) process.kill(pid, 'SIGKILL')
    await this.stop().catch(() => undefined)
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

/** The children of this process that run workerd. */
async function runtimePids(): Promise<number[]> {
  const pids: number[] = []
  for (const name of await readdir('/proc').catch(() => [])) {
    const status = /^\d+$/.test(name)
      ? await readFile(`/proc/${name}/status`, 'utf8').catch(() => '')
      : ''
    const isChild = Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]) === process.pid
    if (isChild && /^Name:\s+workerd/m.test(status)) pids.push(Number(name))
  }
  return pids
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
