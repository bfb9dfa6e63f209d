/**
 * Runs a producer, and each member of a group as its own process, against a server. Kills the server or a
 * member at random (kill -9) and starts it again. At the end checks the promises.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ServerProcess } from '../../server/server-process.ts'
import { Random } from '../../support/random.ts'
import type { Violation } from '../history.ts'
import { checkGroupHistory } from './group-checkers.ts'
import type { MemberEvent, MemberHistory } from './member-events.ts'
import { type MemberProcess, MemberProcesses } from './member-processes.ts'

export interface GroupCrashOptions {
  readonly rounds: number
  readonly seed: number
  readonly workerPath?: string
  readonly variant?: 'commit-before-delivery' | 'commit-before-finished'
  readonly onRound?: (round: number) => void
}

export interface GroupCrashReport {
  readonly seed: number
  readonly rounds: number
  readonly violations: readonly Violation[]
  readonly records: number
  readonly membersStarted: number
  readonly membersKilled: number
  readonly serverKills: number
  readonly assignments: number
  readonly settledAfterMs: number | null
}

const TOPIC = 'crash'
const GROUP = 'crashed'
const PARTITIONS = 6
const MEMBERS = 4
/** G4: a session (2 s), plus ample time for a busy machine. */
const SETTLE_MS_MAX = 60_000

export async function runGroupCrash(options: GroupCrashOptions): Promise<GroupCrashReport> {
  const { workerPath } = options
  const server = await ServerProcess.start(workerPath === undefined ? {} : { workerPath })
  const dir = await mkdtemp(join(tmpdir(), 'edgelog-members-'))
  const run = new GroupRun(server, dir, options)
  try {
    return await run.run()
  } finally {
    run.killAll()
    await server.stop()
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
}

interface Described {
  readonly state: string
  readonly memberCount: number
  readonly totalLag: number
  readonly offsets: ReadonlyArray<{
    readonly partition: number
    readonly committedOffset: number | null
    readonly highWatermark: number
  }>
}

class GroupRun {
  readonly #server: ServerProcess
  readonly #dir: string
  readonly #options: GroupCrashOptions
  readonly #random: Random
  readonly #processes = new MemberProcesses()
  /** The running members: those that were not killed or asked to end. */
  #members: MemberProcess[] = []
  #killed = 0
  #serverKills = 0
  #isRunning = true

  constructor(server: ServerProcess, dir: string, options: GroupCrashOptions) {
    this.#server = server
    this.#dir = dir
    this.#options = options
    this.#random = new Random(options.seed)
  }

  async run(): Promise<GroupCrashReport> {
    const { rounds, seed, onRound } = this.#options
    const create = { method: 'POST', ...json({ name: TOPIC, partitions: PARTITIONS }) }
    const response = await fetch(`${this.#server.url}/v1/topics`, create)
    if (response.status !== 201) throw new Error(`create: ${await response.text()}`)
    while (this.#members.length < MEMBERS) this.#startMember()
    const producing = this.#produce()
    for (let round = 1; round <= rounds; round++) {
      await sleep(this.#random.between(200, 1_200))
      await this.#fault()
      onRound?.(round)
    }
    this.#isRunning = false
    await producing
    const settledAfterMs = await this.#settle()
    return await this.#report(rounds, seed, settledAfterMs)
  }

  killAll(): void {
    this.#processes.killAll()
  }

  /** Kills the server or a member, or ends a member in order; a new member replaces it. */
  async #fault(): Promise<void> {
    const dice = this.#random.below(10)
    if (dice < 4) {
      await this.#server.kill()
      await this.#server.start()
      this.#serverKills += 1
      return
    }
    const victim = this.#random.pick(this.#members)
    this.#members = this.#members.filter((member) => member !== victim)
    if (dice < 8) {
      this.#processes.kill(victim)
      this.#killed += 1
    } else this.#processes.end(victim)
    this.#startMember()
  }

  #startMember(): void {
    const name = `member${this.#processes.started + 1}`
    const script = new URL('./member-process.ts', import.meta.url).pathname
    const { variant } = this.#options
    const args = [
      '--disable-warning=ExperimentalWarning',
      script,
      this.#server.url,
      TOPIC,
      GROUP,
      join(this.#dir, name),
      String(this.#random.uint32()),
      ...(variant === undefined ? [] : [variant]),
    ]
    this.#members.push(this.#processes.start(name, args))
  }

  /** Sends a few records at a time until the run ends; failed requests are not retried. */
  async #produce(): Promise<void> {
    for (let order = 0; this.#isRunning; order++) {
      const records = Array.from({ length: this.#random.between(1, 20) }, (_, index) => ({
        value: `${order}-${index} ${'.'.repeat(60)}`,
        partition: this.#random.below(PARTITIONS),
      }))
      const call = { method: 'POST', ...json({ records }), signal: AbortSignal.timeout(5_000) }
      await fetch(`${this.#server.url}/v1/topics/${TOPIC}/records`, call).catch(() => undefined)
      await sleep(10)
    }
  }

  /** Waits until all is assigned and consumed. @returns the time it took; null: not within the limit. */
  async #settle(): Promise<number | null> {
    const sinceMs = Date.now()
    while (Date.now() - sinceMs < SETTLE_MS_MAX) {
      const group = await this.#describe()
      const isSettled =
        group?.state === 'stable' && group.memberCount === MEMBERS && group.totalLag === 0
      if (isSettled) return Date.now() - sinceMs
      await sleep(100)
    }
    return null
  }

  async #describe(): Promise<Described | undefined> {
    const response = await fetch(`${this.#server.url}/v1/groups/${GROUP}`).catch(() => undefined)
    return response?.ok ? ((await response.json()) as Described) : undefined
  }

  async #report(
    rounds: number,
    seed: number,
    settledAfterMs: number | null,
  ): Promise<GroupCrashReport> {
    const group = await this.#describe()
    const endOffsets = Array<number>(PARTITIONS).fill(0)
    const committed = Array<number | undefined>(PARTITIONS).fill(undefined)
    for (const { partition, highWatermark, committedOffset } of group?.offsets ?? []) {
      endOffsets[partition] = highWatermark
      committed[partition] = committedOffset ?? undefined
    }
    const violations = await this.#processes.finish()
    const members = await this.#histories()
    violations.push(...checkGroupHistory({ members, endOffsets, committed }))
    if (settledAfterMs === null) {
      const { offsets: _, ...state } = group ?? { offsets: [] }
      violations.push({ promise: 'G4', what: `not settled in time: ${JSON.stringify(state)}` })
    }
    const events = members.flatMap((member) => member.events)
    return {
      seed,
      rounds,
      violations,
      records: endOffsets.reduce((sum, offset) => sum + offset, 0),
      membersStarted: this.#processes.started,
      membersKilled: this.#killed,
      serverKills: this.#serverKills,
      assignments: events.filter(({ kind }) => kind === 'assignment received').length,
      settledAfterMs,
    }
  }

  async #histories(): Promise<MemberHistory[]> {
    const names = Array.from(
      { length: this.#processes.started },
      (_, index) => `member${index + 1}`,
    )
    return await Promise.all(
      names.map(async (name) => {
        const text = await readFile(join(this.#dir, name), 'utf8').catch(() => '')
        // The kill may have cut the last line.
        const lines = text.split('\n').slice(0, -1)
        return { name, events: lines.map((line) => JSON.parse(line) as MemberEvent) }
      }),
    )
  }
}

function json(body: object) {
  return { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
}
