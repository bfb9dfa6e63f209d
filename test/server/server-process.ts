/** A server that tests can kill and restart on the same port and state. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './free-port.ts'

/** Long, for a busy machine. */
const READY_MS_MAX = 60_000
/** The end of what the server prints, for the error if it does not start. */
const SHOWN_OUTPUT_LENGTH_MAX = 2_000

export interface ServerProcessOptions {
  /** Build of the Worker; the one in dist/ by default. */
  readonly workerPath?: string
  /** Kept at the end; by default a temporary folder, deleted at the end. */
  readonly stateDir?: string
  readonly token?: string
  readonly origins?: string
  /** Interval at which records are deleted by age; 5 minutes by default. */
  readonly retentionCheckIntervalMs?: number
  /** Calls to objects after which a session of the Kafka door is replaced; 5,000 by default. */
  readonly sessionCallsMax?: number
  /** Port for Kafka clients; none by default. */
  readonly kafkaPort?: number
  /** Port for ksqlDB clients; none by default. */
  readonly ksqlPort?: number
}

export class ServerProcess {
  readonly url: string
  readonly #port: number
  readonly #stateDir: string
  readonly #workerPath: string
  readonly #env: NodeJS.ProcessEnv
  readonly #keepsState: boolean
  #child: ChildProcess | undefined
  #output = ''

  private constructor(port: number, stateDir: string, options: ServerProcessOptions) {
    this.url = `http://127.0.0.1:${port}`
    this.#port = port
    this.#stateDir = stateDir
    this.#workerPath = options.workerPath ?? 'dist/worker.js'
    const { EDGELOG_TOKEN: _token, EDGELOG_ORIGINS: _origins, ...env } = process.env
    this.#env = {
      ...env,
      ...(options.token !== undefined && { EDGELOG_TOKEN: options.token }),
      ...(options.origins !== undefined && { EDGELOG_ORIGINS: options.origins }),
      ...(options.retentionCheckIntervalMs !== undefined && {
        EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS: String(options.retentionCheckIntervalMs),
      }),
      ...(options.sessionCallsMax !== undefined && {
        EDGELOG_SESSION_CALLS_MAX: String(options.sessionCallsMax),
      }),
      ...(options.kafkaPort !== undefined && { TEST_KAFKA_PORT: String(options.kafkaPort) }),
      ...(options.ksqlPort !== undefined && { TEST_KSQL_PORT: String(options.ksqlPort) }),
    }
    this.#keepsState = options.stateDir !== undefined
  }

  static async start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const stateDir = options.stateDir ?? (await mkdtemp(join(tmpdir(), 'edgelog-test-')))
    const server = new ServerProcess(await freePort(), stateDir, options)
    await server.start()
    return server
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async start(): Promise<void> {
    const script = new URL('./serve.ts', import.meta.url).pathname
    const args = ['--disable-warning=ExperimentalWarning', script, String(this.#port)]
    this.#child = spawn(process.execPath, [...args, this.#stateDir, this.#workerPath], {
      // A process group of its own: workerd is a child of the child, and must end with it.
      detached: true,
      env: this.#env,
      stdio: ['ignore', 'ignore', process.env.SERVER_LOG === undefined ? 'pipe' : 'inherit'],
    })
    this.#output = ''
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-SHOWN_OUTPUT_LENGTH_MAX)
    })
    await this.#ready()
  }

  async #ready(): Promise<void> {
    const deadlineMs = Date.now() + READY_MS_MAX
    const child = this.#child as ChildProcess
    while (Date.now() < deadlineMs) {
      if (child.exitCode !== null || child.signalCode !== null) break
      const result = await fetch(`${this.url}/healthz`).catch(() => undefined)
      if (result?.ok) return
      await sleep(20)
    }
    const { exitCode, signalCode } = child
    const ending = exitCode ?? signalCode
    const state = ending === null ? 'runs, and does not respond' : `ended with ${ending}`
    throw new Error(`the server on ${this.url} ${state}; it printed: ${this.#output}`)
  }

  /** Sends SIGKILL to the whole process group. Resolves when it has ended. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    process.kill(-child.pid, 'SIGKILL')
    await gone
  }

  async stop(): Promise<void> {
    await this.kill()
    if (!this.#keepsState) await rm(this.#stateDir, { recursive: true, force: true, maxRetries: 5 })
  }
}
