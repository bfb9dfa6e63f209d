/** `edgelog dev`: the local server. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { type RunningBridge, startBridge } from './bridge/kafka-bridge.ts'
import { interruption, isLoopback, port } from './connection.ts'
import { type HttpFront, startHttpFront } from './http-front.ts'
import { type RunningServer, startServer } from './server.ts'

interface DevOptions {
  readonly port: number
  readonly host: string
  readonly kafka: boolean
  readonly kafkaPort: number
  readonly ksql: boolean
  readonly ksqlPort: number
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
  readonly ksqlPort: number
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
    .option('--ksql-port <port>', 'port for ksqlDB clients', port, 8088)
    .option('--no-ksql', 'do not listen for ksqlDB clients')
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
    const { kafkaPort, ksqlPort, ...httpPlace } = place
    // A Worker of one's own may not serve TCP.
    const needsBridge = options.kafka && options.worker !== undefined
    const server = await startServer({
      ...httpPlace,
      ...(options.kafka && !needsBridge && { kafkaPort }),
      ...settings(),
      ...workerOf(options, token),
    })
    const bridge = needsBridge ? await startKafka(place, server, token === undefined) : undefined
    const ksql = options.ksql
      ? await startKsql(place, server, isGiven(command, 'ksqlPort'))
      : undefined
    announce(options, place, server.url, server.kafkaPort ?? bridge?.port, ksql?.port)
    await new Promise<void>((stop) => {
      if (signal.aborted) stop()
      signal.addEventListener('abort', () => stop())
    })
    release()
    await ksql?.close()
    await bridge?.close()
    await server.close()
  } finally {
    if (options.ephemeral) await rm(place.stateDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** With `--ephemeral`, a port that was not named is any free one. */
async function choosePlace(options: DevOptions, command: Command): Promise<Place> {
  const { host, port, kafkaPort, ksqlPort, state, ephemeral } = options
  if (!ephemeral) return { host, port, kafkaPort, ksqlPort, stateDir: resolve(state) }
  if (isGiven(command, 'state')) throw new Error('--ephemeral cannot be combined with --state')
  return {
    host,
    port: isGiven(command, 'port') ? port : 0,
    kafkaPort: isGiven(command, 'kafkaPort') ? kafkaPort : 0,
    ksqlPort: isGiven(command, 'ksqlPort') ? ksqlPort : 0,
    stateDir: await mkdtemp(join(tmpdir(), 'edgelog-')),
  }
}

function isGiven(command: Command, option: string): boolean {
  return command.getOptionValueSource(option) === 'cli'
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
  ksqlPort: number | undefined,
): void {
  const { port } = new URL(serverUrl)
  const url = isLoopback(host) ? `http://localhost:${port}` : serverUrl
  const bootstrapServers = kafkaPort === undefined ? undefined : `localhost:${kafkaPort}`
  const ksqlUrl = ksqlPort === undefined ? undefined : `http://localhost:${ksqlPort}`
  if (json) {
    const ports = { ...(bootstrapServers && { bootstrapServers }), ...(ksqlUrl && { ksqlUrl }) }
    console.log(JSON.stringify({ url, ...ports, stateDir }))
    return
  }
  const command = `npx edgelog${url === 'http://localhost:8787' ? '' : ` --url ${url}`}`
  console.log(`edgelog listens on ${url}, state in ${stateDir}

Try, in another terminal:
  ${command} topics create hello
  echo 'hello, log' | ${command} produce hello

In a browser: ${url}/
${bootstrapServers === undefined ? '' : `With any Kafka client: ${bootstrapServers}\n`}${ksqlUrl === undefined ? '' : `With any ksqlDB client: ${ksqlUrl}\n`}
Ctrl-C stops it.`)
}

async function startKafka(
  { host, kafkaPort }: Place,
  server: RunningServer,
  isOpen: boolean,
): Promise<RunningBridge> {
  try {
    return await startBridge({
      url: localUrl(host, server),
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

/** Returns the address by which this process reaches its server. */
function localUrl(host: string, { url }: RunningServer): string {
  const isAnyHost = host === '0.0.0.0' || host === '::'
  return isAnyHost ? `http://127.0.0.1:${new URL(url).port}` : url
}

/** @param isNeeded False: a port that is taken is left out, since the caller did not name it. */
async function startKsql(
  { host, ksqlPort }: Place,
  server: RunningServer,
  isNeeded: boolean,
): Promise<HttpFront | undefined> {
  const target = new URL('/ksqldb', localUrl(host, server))
  try {
    return await startHttpFront({ host, port: ksqlPort, target })
  } catch (cause) {
    const why = `port ${ksqlPort} for ksqlDB clients: ${(cause as Error).message}`
    if (!isNeeded && (cause as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      console.error(`edgelog: left out ${why} (--ksql-port names another)`)
      return undefined
    }
    await server.close()
    throw new Error(`${why} (--ksql-port, or --no-ksql)`, { cause })
  }
}
