/** `edgelog bridge`: connects Kafka clients to a remote server. */
import { readFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type HostAndPort, startBridge } from './bridge/kafka-bridge.ts'
import type { Transport } from './bridge/kafka-session.ts'
import { interruption, isLoopback, port, serverOf } from './connection.ts'

interface BridgeCommandOptions {
  readonly listen: HostAndPort
  readonly advertise?: HostAndPort
  readonly transport: Transport
  readonly tlsCert?: string
  readonly tlsKey?: string
}

export function addBridgeCommand(program: Command): void {
  program
    .command('bridge')
    .description('connect Kafka clients to a server')
    .option(
      '--listen <address>',
      'address to listen on: host:port, or a port of localhost',
      hostAndPort,
      {
        host: 'localhost',
        port: 9092,
      },
    )
    .option(
      '--advertise <address>',
      'address that clients are to connect to (host:port)',
      hostAndPort,
    )
    .option('--tls-cert <file>', 'certificate chain (PEM); clients then connect with TLS')
    .option('--tls-key <file>', 'private key of the certificate (PEM)')
    .addOption(
      new Option(
        '--transport <name>',
        'auto: WebSockets where the network has them; post: requests only',
      )
        .choices(['auto', 'post'])
        .default('auto'),
    )
    .addHelpText(
      'after',
      `
  $ edgelog --url https://log.example.com bridge
  $ kcat -b localhost:9092 -L

Clients authenticate with SASL: PLAIN (the password is the token) or OAUTHBEARER. On localhost, clients
without SASL use EDGELOG_TOKEN; on other addresses every client must authenticate.`,
    )
    .action(run)
}

async function run(options: BridgeCommandOptions, command: Command): Promise<void> {
  const { listen, advertise, transport, tlsCert, tlsKey } = options
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new Error('--tls-cert and --tls-key must be given together')
  }
  const { url, token } = serverOf(command)
  const isLocal = isLoopback(listen.host)
  if (!isLocal) await requireTokens(url, listen)
  const { signal, release } = interruption()
  const bridge = await startBridge({
    url,
    ...listen,
    transport,
    isOpen: isLocal,
    ...(isLocal && token !== undefined && { token }),
    ...(advertise !== undefined && { advertised: advertise }),
    ...(tlsCert !== undefined &&
      tlsKey !== undefined && {
        tls: { cert: await readFile(tlsCert), key: await readFile(tlsKey) },
      }),
    complain: (why) => console.error(`edgelog: closed the connection of a Kafka client: ${why}`),
  })
  console.log(`edgelog accepts Kafka clients on ${listen.host}:${bridge.port}, for ${url}

Try, with any Kafka client:
  kcat -b ${listen.host}:${bridge.port} -L

Ctrl-C stops it.`)
  await new Promise<void>((stop) => {
    if (signal.aborted) stop()
    signal.addEventListener('abort', () => stop())
  })
  release()
  await bridge.close()
}

/**
 * Requires a server with a token before the bridge listens beyond localhost: a
 * server without one accepts every local caller, and the bridge is local to it.
 */
async function requireTokens(url: string, { host }: HostAndPort): Promise<void> {
  const { status } = await fetch(new URL('/v1/topics', url))
  if (status === 401) return
  throw new Error(
    `--listen ${host} makes the log accessible from the network, and ${url} does not require a token (it responded with ${status}): set its EDGELOG_TOKEN`,
  )
}

function hostAndPort(text: string): HostAndPort {
  const match = /^(?:(\[[^\]]+\]|[^:]+):)?(\d+)$/.exec(text)
  if (match === null) throw new InvalidArgumentError('Use host:port, or a port.')
  const [, host = 'localhost', digits = ''] = match
  return { host: host.replaceAll(/[[\]]/g, ''), port: port(digits) }
}
