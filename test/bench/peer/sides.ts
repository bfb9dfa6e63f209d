/** Starts what is compared: a real Kafka broker, and edgelog's server. */
import { startBridgeProcess } from '../../server/bridge-process.ts'
import { freePort } from '../../server/free-port.ts'
import { ServerProcess } from '../../server/server-process.ts'
import { startKafkaBroker } from './kafka-broker.ts'

export const SIDE_NAMES = ['kafka', 'kafka-flushed', 'edgelog'] as const
export type SideName = (typeof SIDE_NAMES)[number]

export interface Side {
  readonly name: SideName
  readonly bootstrap: string
  /** Configs of each topic that the bench creates. */
  readonly topicConfigs: Readonly<Record<string, string>>
  /** Processes whose memory, with that of their children, counts. */
  pids(): readonly (number | undefined)[]
}

/**
 * Starts all sides, and stops them when `work` ends.
 *
 * @param isBridged Kafka clients reach edgelog through a bridge, as they reach a deployed server; else at its own port.
 */
export async function withSides<T>(
  classPath: string,
  isBridged: boolean,
  signal: AbortSignal,
  work: (sides: readonly Side[]) => Promise<T>,
): Promise<T> {
  const stops: (() => Promise<void>)[] = []
  try {
    const broker = await startKafkaBroker(classPath, signal)
    stops.push(() => broker.stop())
    const kafkaPort = await freePort()
    const server = await ServerProcess.start({ kafkaPort })
    stops.push(() => server.stop())
    const bridge = isBridged ? await startBridgeProcess(server.url) : undefined
    if (bridge !== undefined) stops.push(() => bridge.close())
    const kafka = { bootstrap: broker.bootstrap, pids: () => [broker.pid] }
    const bootstrap = bridge?.bootstrap ?? `localhost:${kafkaPort}`
    const edgelog = { bootstrap, pids: () => [server.pid, bridge?.pid] }
    return await work([
      { name: 'kafka', topicConfigs: {}, ...kafka },
      { name: 'kafka-flushed', topicConfigs: { 'flush.messages': '1' }, ...kafka },
      { name: 'edgelog', topicConfigs: {}, ...edgelog },
    ])
  } finally {
    const results = await Promise.allSettled(stops.map((stop) => stop()))
    for (const result of results) {
      if (result.status === 'rejected') console.error('could not stop a process:', result.reason)
    }
  }
}
