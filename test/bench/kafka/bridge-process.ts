/** The bridge as a process of its own, whose CPU time can be told. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { freePort } from '../../server/server-process.ts'

/** Linux counts a process's time in hundredths of a second. */
const TICK_MS = 10

export class BridgeProcess {
  readonly port: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  static async start(url: string): Promise<BridgeProcess> {
    const port = await freePort()
    const args = ['bin/edgelog.js', '--url', url, 'bridge', '--listen', String(port)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => child.stdout?.once('data', resolve))
    return new BridgeProcess(child, port)
  }

  get bootstrap(): string {
    return `localhost:${this.port}`
  }

  async cpuMs(): Promise<number> {
    const stat = await readFile(`/proc/${this.#child.pid}/stat`, 'utf8')
    // Behind the name, which may hold spaces: fields 3 and on; 14 and 15 are what it used.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGINT')
    await gone
  }
}
