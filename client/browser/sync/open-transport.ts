import type { WebSocketConstructor } from '../../consumer/tail-connection.ts'
import type { Connection } from '../../http/connection.ts'
import { openLongPoll } from './long-poll-transport.ts'
import { openEventStream } from './sse-transport.ts'
import type { OpenTransport } from './transport.ts'
import { openWebSocket } from './websocket-transport.ts'

/** Opens the real ones. */
export function openTransport(
  connection: Connection,
  WebSocket: WebSocketConstructor | undefined,
): OpenTransport {
  return (name, listener, waitMs) => {
    if (name === 'sse') return openEventStream(connection, listener)
    if (name === 'websocket' && WebSocket !== undefined) {
      return openWebSocket(connection, WebSocket, listener)
    }
    return openLongPoll(connection, listener, waitMs)
  }
}
