/** Creates a client from the options that all commands share. */
import { type Command, InvalidArgumentError } from 'commander'
import { type Client, connect } from '../index.ts'
import { outputFailed } from './output.ts'

interface GlobalOptions {
  readonly url: string
  readonly token?: string
}

interface ServerAddress {
  readonly url: string
  readonly token?: string
}

/** Returns the server of the options or the environment. */
export function serverOf(command: Command): ServerAddress {
  const { url, token } = command.optsWithGlobals<GlobalOptions>()
  const isUrlGiven = command.getOptionValueSourceWithGlobals('url') === 'cli'
  const secret = token ?? process.env.EDGELOG_TOKEN
  return {
    url: isUrlGiven ? url : (process.env.EDGELOG_URL ?? url),
    ...(secret !== undefined && secret !== '' && { token: secret }),
  }
}

/** Runs `work` with a client, and always closes it. */
export async function withClient(
  command: Command,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  const client = connect(serverOf(command))
  try {
    await work(client)
  } finally {
    await client.close()
  }
}

/** Returns a parser for commander that accepts whole numbers from `min`. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value) && value >= min) return value
    throw new InvalidArgumentError(`Must be a whole number of at least ${min}.`)
  }
}

/** Ctrl-C, `kill`, and closing the terminal. */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Aborts at the first Ctrl-C, `kill` or closing of the terminal, and
 * when standard output fails. A second signal ends the process at once.
 */
export function interruption(): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController()
  const stop = () => {
    release()
    controller.abort()
  }
  const release = () => {
    for (const signal of ENDING_SIGNALS) process.off(signal, stop)
    outputFailed.removeEventListener('abort', stop)
  }
  for (const signal of ENDING_SIGNALS) process.on(signal, stop)
  outputFailed.addEventListener('abort', stop)
  if (outputFailed.aborted) stop()
  return { signal: controller.signal, release }
}

/** Parses a port number, for commander. */
export function port(text: string): number {
  const value = wholeNumber(1)(text)
  if (value <= 65_535) return value
  throw new InvalidArgumentError('Must be at most 65535.')
}

export function isLoopback(host: string): boolean {
  return /^(localhost|127\..*|::1)$/.test(host)
}
