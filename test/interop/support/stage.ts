/** Starts a server and a bridge in front of it, on free ports and with a separate state folder. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type RunningBridge, startBridge } from '../../../client/cli/bridge/kafka-bridge.ts'
import { type Client, connect } from '../../../client/index.ts'
import { ServerProcess } from '../../server/server-process.ts'

export interface StageOptions {
  /** The token that the server requires; Kafka clients then authenticate by SASL. */
  readonly token?: string
  /** Calls to objects after which a session is replaced; by default that of the server. */
  readonly sessionCallsMax?: number
}

export interface Stage {
  readonly server: ServerProcess
  /** `localhost:port`, for Kafka clients. */
  readonly bootstrap: string
  readonly port: number
  /** edgelog's own client, to check over HTTP what Kafka clients wrote. */
  readonly native: Client
  /** Reasons for which the bridge closed connections. */
  readonly complaints: string[]
  /** A name that no other test uses. */
  name(): string
  /** Kills the server's runtime with kill -9, and starts it again on the same state. */
  killServer(): Promise<void>
  close(): Promise<void>
}

/** `post` runs the suites as on a network without WebSockets. */
const TRANSPORT = process.env.TEST_TRANSPORT === 'post' ? 'post' : 'auto'

let names = 0

export async function openStage({ token, sessionCallsMax }: StageOptions = {}): Promise<Stage> {
  const server = await ServerProcess.start({
    ...(token !== undefined && { token }),
    ...(sessionCallsMax !== undefined && { sessionCallsMax }),
  })
  const complaints: string[] = []
  const bridge: RunningBridge = await startBridge({
    url: server.url,
    host: 'localhost',
    port: 0,
    isOpen: token === undefined,
    transport: TRANSPORT,
    complain: (why) => complaints.push(why),
  })
  const native = connect({ url: server.url, ...(token !== undefined && { token }) })
  return {
    server,
    bootstrap: `localhost:${bridge.port}`,
    port: bridge.port,
    native,
    complaints,
    name: () => `t${process.pid}-${++names}`,
    killServer: async () => {
      await server.kill()
      await sleep(50)
      await server.start()
    },
    close: async () => {
      await native.close()
      await bridge.close()
      await server.stop()
    },
  }
}
