/** `edgelog dev`: the local server. */
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { interruption, wholeNumber } from './connection.ts'
import { startServer } from './server.ts'

interface DevOptions {
  readonly port: number
  readonly host: string
  readonly state: string
  readonly worker?: string
}

export function addDevCommand(program: Command): void {
  program
    .command('dev')
    .description('run a server on this machine')
    .option('--port <port>', 'where it listens', port, 8787)
    .option('--host <address>', 'other than 127.0.0.1 only with EDGELOG_TOKEN set', '127.0.0.1')
    .option('--state <folder>', 'where topics and records lie', '.edgelog')
    .option('--worker <file>', 'a Worker of your own build that mounts edgelog')
    .addHelpText(
      'after',
      `
Set EDGELOG_TOKEN to ask callers for a token, EDGELOG_ORIGINS to the web pages that may call
(https://app.example,...). Pages on localhost may call anyway.
EDGELOG_OFFSETS_RETENTION_MINUTES says how long a group without members keeps its offsets; 7 days.`,
    )
    .action(run)
}

async function run(options: DevOptions): Promise<void> {
  const {
    EDGELOG_TOKEN: token,
    EDGELOG_ORIGINS: origins,
    EDGELOG_OFFSETS_RETENTION_MINUTES: offsetsRetentionMinutes,
  } = process.env
  const isLoopback = /^(localhost|127\..*|::1)$/.test(options.host)
  if (!isLoopback && token === undefined) {
    throw new Error(`--host ${options.host} opens the log to others: set EDGELOG_TOKEN`)
  }
  const stateDir = resolve(options.state)
  const { signal, release } = interruption()
  const server = await startServer({
    host: options.host,
    port: options.port,
    stateDir,
    ...(token !== undefined && { token }),
    ...(origins !== undefined && { origins }),
    ...(offsetsRetentionMinutes !== undefined && { offsetsRetentionMinutes }),
    ...(options.worker !== undefined && { workerPath: resolve(options.worker) }),
  })
  const url = isLoopback ? `http://localhost:${options.port}` : server.url
  const isDefault = url === 'http://localhost:8787'
  const command = `npx edgelog${isDefault ? '' : ` --url ${url}`}`
  console.log(`edgelog listens on ${url}, state in ${stateDir}

Try, in another terminal:
  ${command} topics create hello
  echo 'hello, log' | ${command} produce hello

In a browser: ${url}/examples/

Ctrl-C stops it.`)
  await new Promise<void>((stop) => {
    if (signal.aborted) stop()
    signal.addEventListener('abort', () => stop())
  })
  release()
  await server.close()
}

function port(text: string): number {
  const value = wholeNumber(1)(text)
  if (value <= 65_535) return value
  throw new InvalidArgumentError('A port is at most 65535.')
}
