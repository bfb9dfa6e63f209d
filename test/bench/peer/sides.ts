/** Starts what is compared: a real Kafka broker, and edgelog's server and bridge. */
import { startBridgeProcess } from '../../server/bridge-process.ts'
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

/** Starts all sides, and stops them when `work` ends. */
export async function withSides<T>(
  classPath: string,
  signal: AbortSignal,
  work: (sides: readonly Side[]) => Promise<T>,
): Promise<T> {
  const stops: (() => Promise<void>)[] = []
  try {
    const broker = await startKafkaBroker(classPath, signal)
    stops.push(() => broker.stop())
    const server = await ServerProcess.start()
    stops.push(() => server.stop())
    const bridge = await startBridgeProcess(server.url)
    stops.push(() => bridge.close())
    const kafka = { bootstrap: broker.bootstrap, pids: () => [broker.pid] }
    const edgelog = { bootstrap: bridge.bootstrap, pids: () => [server.pid, bridge.pid] }
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
