/**
 * The processes of a run's members, all of them to their end: one that ends by itself, fails as it ends,
 * or does not end when it is asked to is a violation, whatever the others make of it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Violation } from '../history.ts'

/** What `close()` may take: handlers, a last commit and the leaving, against a server that is down. */
const END_MS_MAX = 120_000
const STDERR_CHARS_MAX = 2_000

export interface MemberProcess {
  readonly name: string
  readonly process: ChildProcess
  /** What it was told last; undefined: nothing, so that it is to go on. */
  told: 'end' | 'die' | undefined
  /** Resolves when it is gone. */
  readonly gone: Promise<void>
}

export class MemberProcesses {
  readonly #endMsMax: number
  readonly #all: MemberProcess[] = []
  readonly #violations: Violation[] = []

  constructor(endMsMax = END_MS_MAX) {
    this.#endMsMax = endMsMax
  }

  /** How many there ever were. */
  get started(): number {
    return this.#all.length
  }

  /** @param args Of node. */
  start(name: string, args: readonly string[]): MemberProcess {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (bytes) => {
      stderr = (stderr + bytes).slice(-STDERR_CHARS_MAX)
      if (process.env.SERVER_LOG !== undefined) process.stderr.write(bytes)
    })
    const gone = once(child, 'close').then(([code, signal]) => {
      const how = `exit code ${code}, signal ${signal}: ${stderr.trim()}`
      if (member.told === undefined) this.#violate(`${name} ended by itself, ${how}`)
      // It may have been told so before it could listen.
      const isOrderly = code === 0 || signal === 'SIGTERM'
      if (member.told === 'end' && !isOrderly) this.#violate(`${name} failed as it ended, ${how}`)
    })
    const member: MemberProcess = { name, process: child, told: undefined, gone }
    this.#all.push(member)
    return member
  }

  /** Asks it to leave in order. */
  end(member: MemberProcess): void {
    member.told = 'end'
    member.process.kill('SIGTERM')
    const deadline = setTimeout(() => {
      this.#violate(`${member.name} did not end within ${this.#endMsMax} ms`)
      this.kill(member)
    }, this.#endMsMax)
    void member.gone.then(() => clearTimeout(deadline))
  }

  kill(member: MemberProcess): void {
    member.told = 'die'
    member.process.kill('SIGKILL')
  }

  killAll(): void {
    for (const member of this.#all) this.kill(member)
  }

  /** Waits for those that were asked to end, and kills the others. @returns what went wrong. */
  async finish(): Promise<Violation[]> {
    for (const member of this.#all) if (member.told === undefined) this.kill(member)
    await Promise.all(this.#all.map(({ gone }) => gone))
    return this.#violations
  }

  #violate(what: string): void {
    this.#violations.push({ promise: 'member', what })
  }
}
