import { TailConnection } from '../../consumer/tail-connection.ts'
import type { Connection } from '../../http/connection.ts'
import { openTailSocket, type WebSocketConstructor } from '../../http/web-socket.ts'
import { openLongPoll } from './long-poll-transport.ts'
import { openEventStream } from './sse-transport.ts'
import type { OpenTransport, Transport, TransportListener } from './transport.ts'

/** Returns the function that opens the real transports. */
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

/** The log over one WebSocket: subscriptions may change while it is open. */
function openWebSocket(
  connection: Connection,
  WebSocket: WebSocketConstructor,
  listener: TransportListener,
): Transport {
  const tail = new TailConnection(connection, () => openTailSocket(connection, WebSocket), listener)
  return {
    isFixed: false,
    subscribe: ({ id, ...subscription }, creditBytes) =>
      tail.subscribe(id, { ...subscription, creditBytes }),
    unsubscribe: (id) => tail.unsubscribe(id),
    grant: (id, bytes) => tail.grant(id, bytes),
    close: () => tail.close(),
  }
}
