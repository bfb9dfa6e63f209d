/**
 * Starts and stops the member processes of a run. A member that ends by itself, fails while it ends, or does
 * not end when asked to is a violation, even if the other members take over correctly.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Violation } from '../history.ts'

/** Time for `close()`: handlers, a last commit and leaving the group, possibly while the server is down. */
const END_MS_MAX = 120_000
const STDERR_CHARS_MAX = 2_000

export interface MemberProcess {
  readonly name: string
  readonly process: ChildProcess
  /** How it was stopped; undefined while it must run. */
  stop: 'end' | 'kill' | undefined
  /** Resolves when the process has ended. */
  readonly gone: Promise<void>
}

export class MemberProcesses {
  readonly #endMsMax: number
  readonly #all: MemberProcess[] = []
  readonly #violations: Violation[] = []

  constructor(endMsMax = END_MS_MAX) {
    this.#endMsMax = endMsMax
  }

  /** Number of members started so far. */
  get started(): number {
    return this.#all.length
  }

  /** @param args Arguments for node. */
  start(name: string, args: readonly string[]): MemberProcess {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (bytes) => {
      stderr = (stderr + bytes).slice(-STDERR_CHARS_MAX)
      if (process.env.SERVER_LOG !== undefined) process.stderr.write(bytes)
    })
    const gone = once(child, 'close').then(([code, signal]) => {
      const how = `exit code ${code}, signal ${signal}: ${stderr.trim()}`
      if (member.stop === undefined) this.#violate(`${name} ended by itself, ${how}`)
      // SIGTERM may have arrived before the process could handle it.
      const isOrderly = code === 0 || signal === 'SIGTERM'
      if (member.stop === 'end' && !isOrderly)
        this.#violate(`${name} failed while it ended, ${how}`)
    })
    const member: MemberProcess = { name, process: child, stop: undefined, gone }
    this.#all.push(member)
    return member
  }

  /** Asks the member to leave in order; kills it if it does not end in time. */
  end(member: MemberProcess): void {
    member.stop = 'end'
    member.process.kill('SIGTERM')
    const deadline = setTimeout(() => {
      this.#violate(`${member.name} did not end within ${this.#endMsMax} ms`)
      this.kill(member)
    }, this.#endMsMax)
    void member.gone.then(() => clearTimeout(deadline))
  }

  kill(member: MemberProcess): void {
    member.stop = 'kill'
    member.process.kill('SIGKILL')
  }

  killAll(): void {
    for (const member of this.#all) this.kill(member)
  }

  /** Waits for the members that were asked to end, and kills the others. @returns all violations. */
  async finish(): Promise<Violation[]> {
    for (const member of this.#all) if (member.stop === undefined) this.kill(member)
    await Promise.all(this.#all.map(({ gone }) => gone))
    return this.#violations
  }

  #violate(what: string): void {
    this.#violations.push({ promise: 'member', what })
  }
}
