/** Chooses between requests and sessions for a new client, by its options and its runtime. */
import { EdgelogError } from '../../src/core/errors.ts'
import type { Connection, Fetch } from '../http/connection.ts'
import type { WebSocketConstructor } from '../http/web-socket.ts'
import { allowedTransport, type Transport } from './session-rule.ts'
import { SessionTransport } from './session-transport.ts'

const TRANSPORTS: readonly Transport[] = ['auto', 'fetch', 'session']

interface TransportOptions {
  readonly transport?: Transport
  readonly fetch?: Fetch
  /** `null`: none. */
  readonly WebSocket?: WebSocketConstructor | null
}

/** Returns the WebSocket of a client; undefined where the platform has none, such as Node 20. */
export function webSocketOf({
  WebSocket: own,
}: TransportOptions): WebSocketConstructor | undefined {
  if (own !== undefined) return own ?? undefined
  return (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket
}

/**
 * Returns undefined if all requests are requests of their own.
 *
 * @throws {EdgelogError} `invalid_config`.
 */
export function openTransport(
  connection: Connection,
  options: TransportOptions,
): SessionTransport | undefined {
  const { transport: wanted = 'auto' } = options
  if (!TRANSPORTS.includes(wanted)) {
    throw new EdgelogError('invalid_config', `transport: ${TRANSPORTS.join(', ')} is allowed`)
  }
  const webSocket = webSocketOf(options)
  const transport = allowedTransport(wanted, {
    hasWebSocket: webSocket !== undefined,
    hasOwnFetchOnly: options.fetch !== undefined && options.WebSocket === undefined,
    isEdgeFunction: isEdgeFunction(),
  })
  if (transport === 'fetch') return undefined
  if (webSocket !== undefined) return new SessionTransport(connection, webSocket, transport)
  throw new EdgelogError(
    'invalid_config',
    'transport: session needs a WebSocket; pass the option WebSocket',
  )
}

/** Recognises the runtimes of Cloudflare and Vercel, which handle one event at a time. */
function isEdgeFunction(): boolean {
  return 'WebSocketPair' in globalThis || 'EdgeRuntime' in globalThis
}
