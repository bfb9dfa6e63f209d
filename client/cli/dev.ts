/** `edgelog dev`: the local server. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type RunningBridge, startBridge } from './bridge/kafka-bridge.ts'
import { isLoopback } from './bridge.ts'
import { interruption, port } from './connection.ts'
import { type RunningServer, startServer } from './server.ts'

interface DevOptions {
  readonly port: number
  readonly host: string
  readonly kafka: boolean
  readonly kafkaPort: number
  readonly state: string
  readonly worker?: string
}

export function addDevCommand(program: Command): void {
  program
    .command('dev')
    .description('run a local server')
    .option('--port <port>', 'port to listen on', port, 8787)
    .option(
      '--host <address>',
      'address to listen on; others than 127.0.0.1 need EDGELOG_TOKEN',
      '127.0.0.1',
    )
    .option('--kafka-port <port>', 'port for Kafka clients', port, 9092)
    .option('--no-kafka', 'do not listen for Kafka clients')
    .option('--state <folder>', 'folder for topics and records', '.edgelog')
    .option('--worker <file>', 'your own build of a Worker that mounts edgelog')
    .addHelpText(
      'after',
      `
Set EDGELOG_TOKEN to require a token, and EDGELOG_ORIGINS to the web pages that may call
(https://app.example,...). Pages on localhost may always call.
EDGELOG_OFFSETS_RETENTION_MINUTES: time that a group without members keeps its offsets; 7 days.
EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS: interval at which old records are deleted; 5 minutes.
EDGELOG_AUTO_CREATE_TOPICS=false: Kafka clients do not create topics by using them.
EDGELOG_NUM_PARTITIONS: partitions of topics that are created that way; 1.`,
    )
    .action(run)
}

async function run(options: DevOptions): Promise<void> {
  const {
    EDGELOG_TOKEN: givenToken = '',
    EDGELOG_ORIGINS: origins,
    EDGELOG_OFFSETS_RETENTION_MINUTES: offsetsRetentionMinutes,
    EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS: retentionCheckIntervalMs,
    EDGELOG_AUTO_CREATE_TOPICS: autoCreateTopics,
    EDGELOG_NUM_PARTITIONS: numPartitions,
  } = process.env
  // An empty token means that none is required.
  const token = givenToken === '' ? undefined : givenToken
  const isLocal = isLoopback(options.host)
  if (!isLocal && token === undefined) {
    throw new Error(
      `--host ${options.host} makes the log accessible from the network: set EDGELOG_TOKEN`,
    )
  }
  const stateDir = resolve(options.state)
  const { signal, release } = interruption()
  const server = await startServer({
    host: options.host,
    port: options.port,
    stateDir,
    ...(token !== undefined && { token }),
    ...(origins !== undefined && { origins }),
    ...(offsetsRetentionMinutes !== undefined && { offsetsRetentionMinutes }),
    ...(retentionCheckIntervalMs !== undefined && { retentionCheckIntervalMs }),
    ...(autoCreateTopics !== undefined && { autoCreateTopics }),
    ...(numPartitions !== undefined && { numPartitions }),
    ...(options.worker !== undefined && { workerPath: resolve(options.worker) }),
  })
  const bridge = options.kafka ? await startKafka(options, server, token === undefined) : undefined
  const url = isLocal ? `http://localhost:${options.port}` : server.url
  const isDefault = url === 'http://localhost:8787'
  const command = `npx edgelog${isDefault ? '' : ` --url ${url}`}`
  console.log(`edgelog listens on ${url}, state in ${stateDir}

Try, in another terminal:
  ${command} topics create hello
  echo 'hello, log' | ${command} produce hello

In a browser: ${url}/examples/
${bridge === undefined ? '' : `With any Kafka client: localhost:${bridge.port}\n`}
Ctrl-C stops it.`)
  await new Promise<void>((stop) => {
    if (signal.aborted) stop()
    signal.addEventListener('abort', () => stop())
  })
  release()
  await bridge?.close()
  await server.close()
}

async function startKafka(
  options: DevOptions,
  server: RunningServer,
  isOpen: boolean,
): Promise<RunningBridge> {
  const { host, port: httpPort, kafkaPort } = options
  const isAnyHost = host === '0.0.0.0' || host === '::'
  try {
    return await startBridge({
      url: isAnyHost ? `http://127.0.0.1:${httpPort}` : server.url,
      host: isLoopback(host) ? 'localhost' : host,
      port: kafkaPort,
      isOpen,
      complain: (why) => console.error(`edgelog: closed the connection of a Kafka client: ${why}`),
    })
  } catch (cause) {
    await server.close()
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${why} (--kafka-port, or --no-kafka)`, { cause })
  }
}
