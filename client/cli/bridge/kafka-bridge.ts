/**
 * The bridge: listens for Kafka clients on TCP and carries their frames to a server's `/kafka`, over a WebSocket for
 * each connection or by `POST`. It reads frame sizes, keys and SASL tokens; all other content passes unread.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import { CONNECTIONS_MAX, TOTAL_BYTES_MAX } from '../../../src/core/kafka/connection-limits.ts'
import { ConnectionNumbers } from '../../../src/core/kafka/connection-numbers.ts'
import { MemoryPool } from '../../../src/core/kafka/memory-pool.ts'
import { FrameCarrier } from './frame-carrier.ts'
import { KafkaConnection } from './kafka-connection.ts'
import { SessionOpener, type Transport } from './kafka-session.ts'
import { COMPLAINT_INTERVAL_MS, COMPLAINTS_MAX, DRAIN_MS_MAX, HANDSHAKE_MS_MAX } from './limits.ts'

export interface BridgeOptions {
  /** Address of the server. */
  readonly url: string
  /** `localhost` listens on both of its addresses. */
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Token sent for clients that do not authenticate. */
  readonly token?: string
  /** True if clients may connect without SASL: the server needs no token, or `token` is set. */
  readonly isOpen: boolean
  /** Address that clients are to connect to; by default the one they have connected to. */
  readonly advertised?: HostAndPort
  /** How frames reach the server; default `auto`. */
  readonly transport?: Transport
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
  /** Reports errors, at most `COMPLAINTS_MAX` per `COMPLAINT_INTERVAL_MS`. */
  readonly complain: (why: string) => void
}

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

export interface RunningBridge {
  readonly port: number
  /** Stops accepting; resolves when the calls in flight have ended, or `DRAIN_MS_MAX` has passed. */
  close(): Promise<void>
}

/** @throws {Error} if the port is in use. */
export async function startBridge(options: BridgeOptions): Promise<RunningBridge> {
  const { url, token, isOpen } = options
  const carrier = new FrameCarrier(url)
  const sessions = new SessionOpener(url, options.transport ?? 'auto')
  const pool = new MemoryPool(TOTAL_BYTES_MAX)
  const connections = new Set<KafkaConnection>()
  const numbers = new ConnectionNumbers()
  const complain = rateLimited(options.complain)
  const accept = (socket: Socket) => {
    if (connections.size >= CONNECTIONS_MAX) {
      complain(`more than ${CONNECTIONS_MAX} connections`)
      socket.destroy()
      return
    }
    const connection: KafkaConnection = new KafkaConnection(socket, {
      pool,
      carry: (call, write) => carrier.carry(call, write),
      openSession: (caller, write) => sessions.open(caller, write),
      token,
      isOpen,
      advertised: advertisedTo(socket, options),
      connection: numbers.next(Date.now()),
      complain: (why) => complain(why),
      closed: () => connections.delete(connection),
    })
    connections.add(connection)
  }
  const { servers, sockets, port } = await listen(options, accept)
  return {
    port,
    close: async () => {
      for (const server of servers) server.close()
      for (const connection of connections) connection.drain()
      await untilEmpty(connections)
      for (const socket of sockets) socket.destroy()
      carrier.close()
    },
  }
}

interface Listening {
  readonly servers: readonly Server[]
  /** All open sockets. */
  readonly sockets: ReadonlySet<Socket>
  readonly port: number
}

function newServer({ tls }: BridgeOptions, accept: (socket: Socket) => void): Server {
  if (tls === undefined) return createServer(accept)
  const server = createSecureServer({ ...tls, handshakeTimeout: HANDSHAKE_MS_MAX }, accept)
  // A failed handshake is an error of the client.
  server.on('tlsClientError', () => {})
  return server
}

async function listen(
  options: BridgeOptions,
  accept: (socket: Socket) => void,
): Promise<Listening> {
  const { host } = options
  const sockets = new Set<Socket>()
  const create = () => {
    const server = newServer(options, accept)
    server.maxConnections = CONNECTIONS_MAX
    // Includes sockets whose handshake is not finished.
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    return server
  }
  const [first, ...others] = host === 'localhost' ? ['127.0.0.1', '::1'] : [host]
  const server = create()
  const port = await bind(server, first as string, options.port)
  const servers = [server]
  for (const other of others) {
    const also = create()
    try {
      await bind(also, other, port)
      servers.push(also)
    } catch {
      // Without IPv6, or if its port is in use, 127.0.0.1 alone is enough.
    }
  }
  return { servers, sockets, port }
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === 'EADDRINUSE'
          ? new Error(`port ${port} on ${host} is in use: choose another for Kafka clients`, {
              cause,
            })
          : cause,
      )
    })
    server.listen(port, host, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

/** Returns `host:port`, with an IPv6 address in brackets. */
function advertisedTo(socket: Socket, { host: listensOn, advertised }: BridgeOptions): string {
  if (advertised !== undefined) return joined(advertised)
  const port = socket.localPort ?? 0
  if (listensOn === 'localhost') return joined({ host: 'localhost', port })
  return joined({ host: (socket.localAddress ?? listensOn).replace(/^::ffff:/, ''), port })
}

function joined({ host, port }: HostAndPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

async function untilEmpty(connections: ReadonlySet<unknown>): Promise<void> {
  const deadlineMs = Date.now() + DRAIN_MS_MAX
  while (connections.size > 0 && Date.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Limits the number of messages, so that a thousand failing clients print a few lines. */
function rateLimited(complain: (why: string) => void): (why: string) => void {
  let countedFromMs = 0
  let count = 0
  return (why) => {
    const nowMs = Date.now()
    if (nowMs - countedFromMs >= COMPLAINT_INTERVAL_MS) {
      countedFromMs = nowMs
      count = 0
    }
    count++
    if (count <= COMPLAINTS_MAX) complain(why)
    if (count === COMPLAINTS_MAX)
      complain('too many messages; further ones are dropped for a while')
  }
}
