/** Starts a real Apache Kafka broker: one node in KRaft mode, in its own process and folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { runJava } from '../../java/java-process.ts'
import { freePort } from '../../server/free-port.ts'
import { JVM_OPTIONS } from './java-tools.ts'

/** Long, for a busy machine. */
const READY_MS_MAX = 60_000
export const HEAP_MB = 1_024
/** Characters of the output that an error contains. */
const OUTPUT_CHARACTERS_MAX = 4_000

export interface KafkaBroker {
  readonly bootstrap: string
  readonly pid: number | undefined
  stop(): Promise<void>
}

/** @param settings further lines of `server.properties` */
export async function startKafkaBroker(
  classPath: string,
  signal: AbortSignal,
  settings: readonly string[] = [],
): Promise<KafkaBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'edgelog-bench-kafka-'))
  let child: ChildProcess | undefined
  const stop = async () => {
    if (child !== undefined) await kill(child)
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const [port, controllerPort] = [await freePort(), await freePort()]
    const file = join(folder, 'server.properties')
    const properties = [...serverProperties(folder, port, controllerPort), ...settings]
    await writeFile(file, properties.join('\n'))
    const clusterId = randomBytes(16).toString('base64url')
    const format = ['format', '--standalone', `--cluster-id=${clusterId}`, '--config', file]
    await runJava({ classPath, mainClass: 'kafka.tools.StorageTool', args: format, signal })
    const heap = [`-Xms${HEAP_MB}m`, `-Xmx${HEAP_MB}m`]
    child = spawn('java', [...heap, ...JVM_OPTIONS, '-cp', classPath, 'kafka.Kafka', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const bootstrap = `localhost:${port}`
    await waitUntilReady(child, bootstrap, signal)
    return { bootstrap, pid: child.pid, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Returns the configuration: Kafka's defaults, except for what a single node needs. */
function serverProperties(folder: string, port: number, controllerPort: number): string[] {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.bootstrap.servers=localhost:${controllerPort}`,
    `listeners=PLAINTEXT://localhost:${port},CONTROLLER://localhost:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://localhost:${port},CONTROLLER://localhost:${controllerPort}`,
    'controller.listener.names=CONTROLLER',
    `log.dirs=${join(folder, 'logs')}`,
    'offsets.topic.replication.factor=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    // Only shortens the run: the time to join a group is not measured.
    'group.initial.rebalance.delay.ms=0',
  ]
}

/** Waits until the broker responds. @throws {Error} with its output if it ends. */
async function waitUntilReady(
  child: ChildProcess,
  bootstrap: string,
  signal: AbortSignal,
): Promise<void> {
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text: Buffer) => {
      printed = `${printed}${text}`.slice(-OUTPUT_CHARACTERS_MAX)
    })
  }
  let startError: Error | undefined
  child.once('error', (error) => {
    startError = error
  })
  const admin = new Kafka({
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  }).admin()
  let lastError: unknown
  const deadlineMs = Date.now() + READY_MS_MAX
  try {
    while (Date.now() < deadlineMs) {
      signal.throwIfAborted()
      if (startError !== undefined) throw startError
      if (child.exitCode !== null || child.signalCode !== null) break
      try {
        await admin.connect()
        await admin.listTopics()
        return
      } catch (error) {
        lastError = error
      }
      await sleep(100)
    }
  } finally {
    await admin.disconnect()
  }
  throw new Error(`the Kafka broker did not start: ${lastError}\n${printed}`)
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
