/** `edgelog bridge` in its own process, to be killed and restarted on the same port. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from './free-port.ts'

const COMMAND = join(import.meta.dirname, '../../bin/edgelog.js')
/** Linux counts CPU time in hundredths of a second. */
const TICK_MS = 10
const READY = 'edgelog accepts Kafka clients'

export interface BridgeProcess {
  /** Address for Kafka clients, `localhost:port`. */
  readonly bootstrap: string
  readonly port: number
  readonly pid: number | undefined
  /** CPU time since the last start. */
  cpuMs(): Promise<number>
  /** Kills it, as `kill -9` does, and starts it again. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** @param options further options of the command, such as `--tls-cert` */
export async function startBridgeProcess(
  serverUrl: string,
  options: readonly string[] = [],
): Promise<BridgeProcess> {
  const port = await freePort()
  const args = ['--url', serverUrl, 'bridge', '--listen', `localhost:${port}`, ...options]
  let child = await start(args)
  return {
    bootstrap: `localhost:${port}`,
    port,
    get pid() {
      return child.pid
    },
    cpuMs: async () => {
      const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8')
      // The fields behind the name, which may contain spaces: 3 and on; 14 and 15 are the CPU time.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return (Number(fields[11]) + Number(fields[12])) * TICK_MS
    },
    restart: async () => {
      await end(child, 'SIGKILL')
      child = await start(args)
    },
    close: () => end(child, 'SIGTERM'),
  }
}

async function start(args: readonly string[]): Promise<ChildProcess> {
  const { EDGELOG_TOKEN: _, ...env } = process.env
  const child = spawn(process.execPath, [COMMAND, ...args], { env })
  let printed = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        printed += text
        if (printed.includes(READY)) resolve()
      })
    }
    child.once('close', () => reject(new Error(`the bridge did not start: ${printed}`)))
  })
  return child
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill(signal)
  await closed
}
