/** Starts a server with a state of its own in a temporary folder, and clears or removes it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HttpFront, startHttpFront } from '../cli/http-front.ts'
import { type RunningServer, startServer } from '../cli/server.ts'
import { type Client, connect } from '../index.ts'

const HOST = '127.0.0.1'
/** Calls that are under way at once while a server is cleared. */
const CLEARING_MAX = 16

export interface EdgelogServerOptions {
  /** Also listens for Kafka clients; `bootstrapServers` says where. False by default. */
  readonly kafka?: boolean
  /** The port for HTTP; any free port by default. */
  readonly port?: number
  /** The port for Kafka clients; any free port by default. */
  readonly kafkaPort?: number
  /** Also listens for ksqlDB clients; `ksqlUrl` is the address. False by default. */
  readonly ksql?: boolean
  /** The port for ksqlDB clients; any free port by default. */
  readonly ksqlPort?: number
  /** The token that callers must send; none by default. */
  readonly token?: string
  /** Kafka's `auto.create.topics.enable`; true by default. */
  readonly autoCreateTopics?: boolean
  /** Kafka's `num.partitions`, for topics that a Kafka client creates by using them; 1 by default. */
  readonly numPartitions?: number
  /** Kafka's `log.retention.check.interval.ms`; 5 minutes by default. */
  readonly retentionCheckIntervalMs?: number
}

export interface EdgelogServer {
  /** The address for `connect({ url })`, e.g. `http://127.0.0.1:40123`. */
  readonly url: string
  /** The address for Kafka clients, e.g. `localhost:40124`; undefined without `kafka: true`. */
  readonly bootstrapServers: string | undefined
  /** The address for ksqlDB clients, e.g. `http://127.0.0.1:40125`; undefined without `ksql: true`. */
  readonly ksqlUrl: string | undefined
  /**
   * Deletes all topics, groups, streams and tables. Clients stay connected.
   *
   * @throws {Error} for a group that still has members: close its consumers first.
   */
  reset(): Promise<void>
  /** Stops the server and deletes its state. Calling it again does no harm. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface KafkaEdgelogServer extends EdgelogServer {
  readonly bootstrapServers: string
}

/**
 * Starts a server for tests. It listens on this machine only.
 *
 * @throws {Error} if a port is taken, or the package `miniflare` is not installed.
 * @example
 * await using server = await startEdgelog({ kafka: true })
 */
export function startEdgelog(
  options: EdgelogServerOptions & { readonly kafka: true },
): Promise<KafkaEdgelogServer>
export function startEdgelog(options?: EdgelogServerOptions): Promise<EdgelogServer>
export async function startEdgelog(options: EdgelogServerOptions = {}): Promise<EdgelogServer> {
  const stateDir = await mkdtemp(join(tmpdir(), 'edgelog-'))
  const removeState = () => rm(stateDir, { recursive: true, force: true, maxRetries: 5 })
  try {
    const server = await startServer(serverOptions(options, stateDir))
    const ksql = await startKsql(options, server)
    return new TestServer(server, ksql, options.token, removeState)
  } catch (error) {
    await removeState()
    throw error
  }
}

async function startKsql(
  { ksql = false, ksqlPort: port = 0 }: EdgelogServerOptions,
  server: RunningServer,
): Promise<HttpFront | undefined> {
  if (!ksql) return undefined
  try {
    return await startHttpFront({ host: HOST, port, target: new URL('/ksqldb', server.url) })
  } catch (error) {
    await server.close()
    throw error
  }
}

class TestServer implements EdgelogServer {
  readonly url: string
  readonly bootstrapServers: string | undefined
  readonly ksqlUrl: string | undefined
  readonly #server: RunningServer
  readonly #ksql: HttpFront | undefined
  readonly #token: string | undefined
  readonly #removeState: () => Promise<void>
  #closing: Promise<void> | undefined

  constructor(
    server: RunningServer,
    ksql: HttpFront | undefined,
    token: string | undefined,
    removeState: () => Promise<void>,
  ) {
    this.url = server.url
    this.bootstrapServers =
      server.kafkaPort === undefined ? undefined : `localhost:${server.kafkaPort}`
    this.ksqlUrl = ksql === undefined ? undefined : `http://${HOST}:${ksql.port}`
    this.#server = server
    this.#ksql = ksql
    this.#token = token
    this.#removeState = removeState
  }

  async reset(): Promise<void> {
    const token = this.#token === undefined ? {} : { token: this.#token }
    const client = connect({ url: this.url, ...token })
    try {
      await dropSources(this.url, token)
      await clear(client)
    } finally {
      await client.close()
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    try {
      await this.#ksql?.close()
      await this.#server.close()
    } finally {
      await this.#removeState()
    }
  }
}

/** Ends the queries of SQL and drops what statements made, whose topics are deleted next. */
async function dropSources(url: string, { token }: { readonly token?: string }): Promise<void> {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
  const path = `${url}/ksqldb/ksql/terminate`
  const response = await fetch(path, { method: 'POST', headers, body: '{}' })
  if (!response.ok) throw new Error(`reset: ${await response.text()}`)
}

/** Groups go first: one with members stops the reset before anything is deleted. */
async function clear(client: Client): Promise<void> {
  const groups = await client.admin.listGroups()
  const busy = groups.filter(({ memberCount }) => memberCount > 0).map(({ groupId }) => groupId)
  if (busy.length > 0) {
    throw new Error(`reset: ${busy.join(', ')} still has members; close their consumers first`)
  }
  await eachAtOnce(groups, ({ groupId }) => client.group(groupId).delete())
  const topics = await client.admin.listTopics()
  await eachAtOnce(topics, ({ name }) => client.admin.deleteTopic(name))
}

async function eachAtOnce<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < items.length; at += CLEARING_MAX) {
    await Promise.all(items.slice(at, at + CLEARING_MAX).map(work))
  }
}

function serverOptions(options: EdgelogServerOptions, stateDir: string) {
  const { port = 0, token, autoCreateTopics, numPartitions, retentionCheckIntervalMs } = options
  const { kafka, kafkaPort = 0 } = options
  return {
    host: HOST,
    port,
    stateDir,
    ...(kafka === true && { kafkaPort }),
    ...(token !== undefined && { token }),
    ...(autoCreateTopics !== undefined && { autoCreateTopics: String(autoCreateTopics) }),
    ...(numPartitions !== undefined && { numPartitions: String(numPartitions) }),
    ...(retentionCheckIntervalMs !== undefined && {
      retentionCheckIntervalMs: String(retentionCheckIntervalMs),
    }),
  }
}
