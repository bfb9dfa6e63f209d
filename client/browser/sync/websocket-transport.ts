/** The log over one WebSocket: what is followed may change while it is open. */
import { TailConnection, type WebSocketConstructor } from '../../consumer/tail-connection.ts'
import type { Connection } from '../../http/connection.ts'
import type { Transport, TransportListener } from './transport.ts'

export function openWebSocket(
  connection: Connection,
  WebSocket: WebSocketConstructor,
  listener: TransportListener,
): Transport {
  const tail = new TailConnection(connection, WebSocket, listener)
  return {
    isFixed: false,
    subscribe: ({ id, ...subscription }, creditBytes) =>
      tail.subscribe(id, { ...subscription, creditBytes }),
    unsubscribe: (id) => tail.unsubscribe(id),
    grant: (id, bytes) => tail.grant(id, bytes),
    close: () => tail.close(),
  }
}
