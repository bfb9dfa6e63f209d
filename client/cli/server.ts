/** The local server: miniflare with the built Worker, and its state in a folder. */
import { mkdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isLoopback } from './connection.ts'
import { exampleFile } from './example-files.ts'
import { IN_USE, isStateInUse, lockState, type StateLock, stateInUse } from './state-lock.ts'

interface ServerOptions {
  readonly host: string
  readonly port: number
  /** Port for Kafka clients, on the same host; 0: any free port; none by default. */
  readonly kafkaPort?: number
  /** Folder for topics and records; created if missing. */
  readonly stateDir: string
  readonly token?: string
  readonly origins?: string
  /** Time for which the offsets of a group without members are kept. */
  readonly offsetsRetentionMinutes?: string
  /** Kafka's `log.retention.check.interval.ms`. */
  readonly retentionCheckIntervalMs?: string
  /** Kafka's `auto.create.topics.enable`. */
  readonly autoCreateTopics?: string
  /** Kafka's `num.partitions`. */
  readonly numPartitions?: string
  /** Calls to objects after which a session of the Kafka door is replaced. */
  readonly sessionCallsMax?: string
  /** A build of the Worker that replaces the one beside this file. */
  readonly workerPath?: string
}

export interface RunningServer {
  readonly url: string
  /** Port for Kafka clients, if one was requested. */
  readonly kafkaPort: number | undefined
  close(): Promise<void>
}

const WORKER_PATH = join(dirname(fileURLToPath(import.meta.url)), 'worker.js')

/** The name of the Worker in wrangler.toml, so that `wrangler dev` can open the same state folder. */
const WORKER_NAME = 'edgelog'
/** The objects and the bucket of the Worker and the date of the runtime, as in wrangler.toml. */
export const WORKER_OPTIONS = {
  compatibilityDate: '2026-10-01',
  durableObjects: {
    PARTITION: { className: 'Partition', useSQLite: true },
    COORDINATOR: { className: 'Coordinator', useSQLite: true },
    GROUP: { className: 'Group', useSQLite: true },
    TRANSACTION: { className: 'Transaction', useSQLite: true },
    APPLICATION: { className: 'Application', useSQLite: true },
    TASK: { className: 'Task', useSQLite: true },
    CATALOG: { className: 'Catalog', useSQLite: true },
  },
  r2Buckets: { REMOTE_LOG: 'edgelog' },
}

/** The range of `unusedPort`. */
const UNUSED_PORT_MIN = 10_000
const UNUSED_PORTS = 20_000
const PORT_ATTEMPTS_MAX = 100

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** @throws {Error} if the port or the state folder is in use, or miniflare is not installed. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host, port, stateDir } = options
  await refuseTakenPort(host, port)
  const kafka = await kafkaAddress(options)
  await mkdir(stateDir, { recursive: true })
  const loaded = await loadMiniflare()
  const lock = await lockState(stateDir)
  try {
    const { url, close } = await startMiniflare(loaded, options, kafka, lock)
    const kafkaPort = kafka?.port
    return { url, kafkaPort, close: () => close().finally(() => lock.release()) }
  } catch (error) {
    await lock.release()
    throw isStateInUse(error) ? stateInUse(stateDir, error) : error
  }
}

async function startMiniflare(
  { convertV4MiniflareOptions, Log, LogLevel, Miniflare, Response }: typeof import('miniflare'),
  options: ServerOptions,
  kafka: KafkaAddress | undefined,
  { runtimeEnv }: StateLock,
): Promise<Omit<RunningServer, 'kafkaPort'>> {
  const { host, port, stateDir } = options
  const variables = {
    EDGELOG_TOKEN: options.token,
    EDGELOG_ORIGINS: options.origins,
    EDGELOG_OFFSETS_RETENTION_MINUTES: options.offsetsRetentionMinutes,
    EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS: options.retentionCheckIntervalMs,
    EDGELOG_AUTO_CREATE_TOPICS: options.autoCreateTopics,
    EDGELOG_NUM_PARTITIONS: options.numPartitions,
    EDGELOG_SESSION_CALLS_MAX: options.sessionCallsMax,
  }
  const bindings = Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  const contents = await readFile(options.workerPath ?? WORKER_PATH, 'utf8')
  const listenersBefore = ENDING_SIGNALS.map((signal) => process.listeners(signal))
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: WORKER_NAME,
      host: '127.0.0.1',
      port: 0,
      cf: false,
      log: new Log(LogLevel.WARN),
      // The public port leads directly to the Worker, past miniflare's own entry Worker.
      unsafeDirectSockets: [{ host, port }],
      ...(kafka !== undefined && {
        connectHandlers: [{ protocol: 'tcp', port: kafka.port, address: kafka.host }],
      }),
      modules: [
        {
          type: 'ESModule',
          path: 'worker.js',
          contents,
        },
      ],
      ...WORKER_OPTIONS,
      durableObjects: exportedObjects(contents),
      bindings,
      serviceBindings: {
        EDGELOG_EXAMPLES: async ({ url, method }) => {
          const { status, headers, body } = await exampleFile(new URL(url).pathname)
          return new Response(method === 'HEAD' ? null : body, { status, headers })
        },
      },
      resourcePersistencePath: stateDir,
      unsafeRuntimeEnv: { ...runtimeEnv },
      handleStructuredLogs: ({ level, message }) => {
        // Reported to the caller as an error.
        if (!message.includes(IN_USE)) print(level, message)
      },
    }),
  )
  const url = await miniflare.unsafeGetDirectURL().catch(async (error: unknown) => {
    await miniflare.dispose()
    throw error
  })
  // Removes miniflare's signal handlers, which would end the process: the caller decides when to end.
  for (const [index, signal] of ENDING_SIGNALS.entries()) {
    for (const listener of process.listeners(signal)) {
      if (!listenersBefore[index]?.includes(listener)) process.off(signal, listener)
    }
  }
  return { url: url.origin, close: () => miniflare.dispose() }
}

/** Returns the bindings of the classes that a build exports: one for an earlier release, or a part of it, has fewer. */
function exportedObjects(contents: string): Partial<typeof WORKER_OPTIONS.durableObjects> {
  const names: readonly string[] =
    contents.slice(contents.lastIndexOf('export {')).match(/[\w$]+/g) ?? []
  return Object.fromEntries(
    Object.entries(WORKER_OPTIONS.durableObjects).filter(([, { className }]) =>
      names.includes(className),
    ),
  )
}

/** Prints the logs of the runtime and the Worker: problems to standard error, which keeps standard output clean. */
function print(level: string, message: string): void {
  if (level === 'error' || level === 'warn') console.error(message)
  else console.log(message)
}

async function loadMiniflare(): Promise<typeof import('miniflare')> {
  try {
    return await import('miniflare')
  } catch (cause) {
    throw new Error('the local server needs the package miniflare: npm install miniflare', {
      cause,
    })
  }
}

interface KafkaAddress {
  /** `localhost` listens on both of its addresses. */
  readonly host: string
  readonly port: number
}

/** Returns the address for Kafka clients, which is free. Clients look up `localhost`, and may try `::1` first. */
async function kafkaAddress({ host, kafkaPort }: ServerOptions): Promise<KafkaAddress | undefined> {
  if (kafkaPort === undefined) return undefined
  const port = kafkaPort === 0 ? await unusedPort(host) : kafkaPort
  await refuseTakenPort(host, port, '--kafka-port, or --no-kafka')
  if (!isLoopback(host)) return { host, port }
  // Without IPv6, or if its port is in use, 127.0.0.1 alone is enough.
  return { host: (await isFree('::1', port)) ? 'localhost' : '127.0.0.1', port }
}

/** Returns any port that is free now. A system gives none of these to outgoing connections, so it stays free. */
async function unusedPort(host: string): Promise<number> {
  for (let attempt = 0; attempt < PORT_ATTEMPTS_MAX; attempt++) {
    const port = UNUSED_PORT_MIN + Math.floor(Math.random() * UNUSED_PORTS)
    if (await isFree(host, port)) return port
  }
  throw new Error(`no free port on ${host} after ${PORT_ATTEMPTS_MAX} attempts`)
}

/** Checks the port before the start, because workerd reports a port in use late and in its own words. */
async function refuseTakenPort(host: string, port: number, option = '--port'): Promise<void> {
  const error = await errorOfListening(host, port)
  if (error === undefined) return
  if (error.code !== 'EADDRINUSE') throw error
  throw new Error(`port ${port} on ${host} is in use, choose another with ${option}`, {
    cause: error,
  })
}

async function isFree(host: string, port: number): Promise<boolean> {
  return (await errorOfListening(host, port)) === undefined
}

function errorOfListening(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', resolve)
    probe.listen(port, host, () => probe.close(() => resolve(undefined)))
  })
}
