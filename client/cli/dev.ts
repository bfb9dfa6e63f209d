/** `edgelog dev`: the local server. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { type RunningBridge, startBridge } from './bridge/kafka-bridge.ts'
import { interruption, isLoopback, port } from './connection.ts'
import { type RunningServer, startServer } from './server.ts'

interface DevOptions {
  readonly port: number
  readonly host: string
  readonly kafka: boolean
  readonly kafkaPort: number
  readonly state: string
  readonly ephemeral?: boolean
  readonly json?: boolean
  readonly worker?: string
}

/** The options with the ports and the folder that they come to. */
interface Place {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly kafkaPort: number
  readonly stateDir: string
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
    .option('--ephemeral', 'temporary state and free ports, for tests')
    .option('--json', 'print the addresses as one line of JSON when ready')
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

async function run(options: DevOptions, command: Command): Promise<void> {
  const { EDGELOG_TOKEN: givenToken = '' } = process.env
  // An empty token means that none is required.
  const token = givenToken === '' ? undefined : givenToken
  if (!isLoopback(options.host) && token === undefined) {
    throw new Error(
      `--host ${options.host} makes the log accessible from the network: set EDGELOG_TOKEN`,
    )
  }
  const { signal, release } = interruption()
  const place = await choosePlace(options, command)
  try {
    const { kafkaPort, ...httpPlace } = place
    // A Worker of one's own may not serve TCP.
    const needsBridge = options.kafka && options.worker !== undefined
    const server = await startServer({
      ...httpPlace,
      ...(options.kafka && !needsBridge && { kafkaPort }),
      ...settings(),
      ...workerOf(options, token),
    })
    const bridge = needsBridge ? await startKafka(place, server, token === undefined) : undefined
    announce(options, place, server.url, server.kafkaPort ?? bridge?.port)
    await new Promise<void>((stop) => {
      if (signal.aborted) stop()
      signal.addEventListener('abort', () => stop())
    })
    release()
    await bridge?.close()
    await server.close()
  } finally {
    if (options.ephemeral) await rm(place.stateDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** With `--ephemeral`, a port that was not named is any free one. */
async function choosePlace(options: DevOptions, command: Command): Promise<Place> {
  const { host, port, kafkaPort, state, ephemeral } = options
  if (!ephemeral) return { host, port, kafkaPort, stateDir: resolve(state) }
  const isGiven = (option: string) => command.getOptionValueSource(option) === 'cli'
  if (isGiven('state')) throw new Error('--ephemeral cannot be combined with --state')
  return {
    host,
    port: isGiven('port') ? port : 0,
    kafkaPort: isGiven('kafkaPort') ? kafkaPort : 0,
    stateDir: await mkdtemp(join(tmpdir(), 'edgelog-')),
  }
}

function workerOf({ worker }: DevOptions, token: string | undefined) {
  return {
    ...(token !== undefined && { token }),
    ...(worker !== undefined && { workerPath: resolve(worker) }),
  }
}

/** Returns the variables of the environment that are variables of the Worker. */
function settings() {
  const {
    EDGELOG_ORIGINS: origins,
    EDGELOG_OFFSETS_RETENTION_MINUTES: offsetsRetentionMinutes,
    EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS: retentionCheckIntervalMs,
    EDGELOG_AUTO_CREATE_TOPICS: autoCreateTopics,
    EDGELOG_NUM_PARTITIONS: numPartitions,
    EDGELOG_SESSION_CALLS_MAX: sessionCallsMax,
  } = process.env
  return {
    ...(origins !== undefined && { origins }),
    ...(offsetsRetentionMinutes !== undefined && { offsetsRetentionMinutes }),
    ...(retentionCheckIntervalMs !== undefined && { retentionCheckIntervalMs }),
    ...(autoCreateTopics !== undefined && { autoCreateTopics }),
    ...(numPartitions !== undefined && { numPartitions }),
    ...(sessionCallsMax !== undefined && { sessionCallsMax }),
  }
}

function announce(
  { host, json }: DevOptions,
  { stateDir }: Place,
  serverUrl: string,
  kafkaPort: number | undefined,
): void {
  const { port } = new URL(serverUrl)
  const url = isLoopback(host) ? `http://localhost:${port}` : serverUrl
  const bootstrapServers = kafkaPort === undefined ? undefined : `localhost:${kafkaPort}`
  if (json) {
    console.log(JSON.stringify({ url, ...(bootstrapServers && { bootstrapServers }), stateDir }))
    return
  }
  const command = `npx edgelog${url === 'http://localhost:8787' ? '' : ` --url ${url}`}`
  console.log(`edgelog listens on ${url}, state in ${stateDir}

Try, in another terminal:
  ${command} topics create hello
  echo 'hello, log' | ${command} produce hello

In a browser: ${url}/
${bootstrapServers === undefined ? '' : `With any Kafka client: ${bootstrapServers}\n`}
Ctrl-C stops it.`)
}

async function startKafka(
  { host, kafkaPort }: Place,
  server: RunningServer,
  isOpen: boolean,
): Promise<RunningBridge> {
  const isAnyHost = host === '0.0.0.0' || host === '::'
  try {
    return await startBridge({
      url: isAnyHost ? `http://127.0.0.1:${new URL(server.url).port}` : server.url,
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
