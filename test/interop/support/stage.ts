/** Starts a server that Kafka clients reach, on free ports and with a separate state folder. */
import { setTimeout as sleep } from 'node:timers/promises'
import { startBridge } from '../../../client/cli/bridge/kafka-bridge.ts'
import { type Client, connect } from '../../../client/index.ts'
import { freePort } from '../../server/free-port.ts'
import { ServerProcess } from '../../server/server-process.ts'

export interface StageOptions {
  /** The token that the server requires; Kafka clients then authenticate by SASL. */
  readonly token?: string
  /** Calls to objects after which a session is replaced; by default that of the server. */
  readonly sessionCallsMax?: number
  /** The way of Kafka clients to the server; by default that of the run. */
  readonly transport?: Transport
}

export interface Stage {
  readonly server: ServerProcess
  /** `localhost:port`, for Kafka clients. */
  readonly bootstrap: string
  readonly port: number
  /** edgelog's own client, to check over HTTP what Kafka clients wrote. */
  readonly native: Client
  /** Reasons for which a bridge closed connections. */
  readonly complaints: string[]
  /** A name that no other test uses. */
  name(): string
  /** Kills the server's runtime with kill -9, and starts it again on the same state. */
  killServer(): Promise<void>
  close(): Promise<void>
}

/** `tcp`: the port of the server. `session` and `post`: a bridge, with WebSockets and without. */
const TRANSPORTS = ['tcp', 'session', 'post'] as const
type Transport = (typeof TRANSPORTS)[number]

/** The transport of a run: `TEST_TRANSPORT`. */
function transportOfRun(): Transport {
  const { TEST_TRANSPORT = 'tcp' } = process.env
  const transport = TRANSPORTS.find((name) => name === TEST_TRANSPORT)
  if (transport !== undefined) return transport
  throw new Error(`TEST_TRANSPORT: ${TEST_TRANSPORT}; ${TRANSPORTS.join(', ')} are allowed`)
}

let names = 0

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const { token, sessionCallsMax, transport = transportOfRun() } = options
  const kafkaPort = transport === 'tcp' ? await freePort() : undefined
  const server = await ServerProcess.start({
    ...(token !== undefined && { token }),
    ...(sessionCallsMax !== undefined && { sessionCallsMax }),
    ...(kafkaPort !== undefined && { kafkaPort }),
  })
  const complaints: string[] = []
  const bridge =
    transport === 'tcp'
      ? undefined
      : await startBridge({
          url: server.url,
          host: 'localhost',
          port: 0,
          isOpen: token === undefined,
          transport: transport === 'post' ? 'post' : 'auto',
          complain: (why) => complaints.push(why),
        })
  const port = bridge?.port ?? (kafkaPort as number)
  const native = connect({ url: server.url, ...(token !== undefined && { token }) })
  return {
    server,
    bootstrap: `localhost:${port}`,
    port,
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
      await bridge?.close()
      await server.stop()
    },
  }
}
