/**
 * A log, and a Kafka broker, inside a test suite: started in about a second, with a state of its own.
 *
 * @module
 * @example
 * import { startEdgelog } from 'edgelog/testing'
 *
 * const server = await startEdgelog({ kafka: true })
 * const kafka = new Kafka({ brokers: [server.bootstrapServers] })
 * // ... tests; between them:
 * await server.reset()
 * await server.close()
 */
export {
  type EdgelogServer,
  type EdgelogServerOptions,
  type KafkaEdgelogServer,
  startEdgelog,
} from './start-edgelog.ts'
