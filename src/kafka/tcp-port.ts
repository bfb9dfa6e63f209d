/** The connections of Kafka clients to one app, where the runtime itself listens on TCP. */
import type { ConnectHandler } from '../app/door.ts'
import { CONNECTIONS_MAX, TOTAL_BYTES_MAX } from '../core/kafka/connection-limits.ts'
import { ConnectionNumbers } from '../core/kafka/connection-numbers.ts'
import { MemoryPool } from '../core/kafka/memory-pool.ts'
import { report } from '../events/report.ts'
import type { ResponseMemory } from './response-memory.ts'
import { TcpConnection } from './tcp-connection.ts'

/**
 * Makes the handler; it closes connections beyond `CONNECTIONS_MAX` at once.
 *
 * @param responses shared with the sessions of the app.
 */
export function newTcpPort(responses: ResponseMemory): ConnectHandler {
  const memory = { requests: new MemoryPool(TOTAL_BYTES_MAX), responses }
  const numbers = new ConnectionNumbers()
  let connectionsCount = 0
  return async (socket, parts) => {
    if (connectionsCount >= CONNECTIONS_MAX) {
      const reason = `more than ${CONNECTIONS_MAX} connections`
      report({ type: 'kafka_connection_closed', reason })
      await socket.close()
      return
    }
    connectionsCount++
    const number = numbers.next(Date.now())
    try {
      const info = await socket.opened
      await new TcpConnection(socket, info, parts, memory, number).serve()
    } finally {
      connectionsCount--
    }
  }
}
