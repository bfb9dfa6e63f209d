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
import { until } from '../../support/until.ts'
import type { Violation } from '../history.ts'
import { checkGroupHistory } from './group-checkers.ts'
import type { MemberEvent, MemberHistory } from './member-events.ts'
import { type MemberProcess, MemberProcesses } from './member-processes.ts'
import { type DescribedGroup, type GroupChange, type Settling, settle } from './settling.ts'

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
  readonly commitsBySession: number
  readonly settledAfterMs: number | null
}

const TOPIC = 'crash'
const GROUP = 'crashed'
const PARTITIONS = 6
/** Long, for a busy machine; without it a call that hangs would hide a violation. */
const DESCRIBE_MS_MAX = 10_000
const SEND_MS_MAX = 5_000
/** Events of each member that the violation of G4 contains. */
const LAST_EVENTS = 6

type Transport = 'session' | 'fetch'
/** Half of the members call over a session, half by requests. */
const TRANSPORTS: readonly Transport[] = ['fetch', 'session', 'fetch', 'session']

interface RunningMember {
  readonly member: MemberProcess
  readonly transport: Transport
}

export async function runGroupCrash(options: GroupCrashOptions): Promise<GroupCrashReport> {
  const { workerPath } = options
  const server = await ServerProcess.start(workerPath === undefined ? {} : { workerPath })
  const dir = await mkdtemp(join(tmpdir(), 'edgelog-members-'))
  const run = new GroupRun(server, dir, options)
  try {
    return await run.run()
  } finally {
    run.stop()
    await server.stop()
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
}

class GroupRun {
  readonly #server: ServerProcess
  readonly #dir: string
  readonly #options: GroupCrashOptions
  readonly #random: Random
  readonly #processes = new MemberProcesses()
  /** The members that were not killed or asked to end. */
  #members: RunningMember[] = []
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
    for (const transport of TRANSPORTS) this.#startMember(transport)
    const producing = this.#produce()
    for (let round = 1; round <= rounds; round++) {
      await sleep(this.#random.between(200, 1_200))
      await this.#fault()
      onRound?.(round)
    }
    this.#isRunning = false
    await producing
    const settling = await this.#settle()
    if (settling.settledAfterMs === null) return await this.#report(rounds, seed, settling)
    // Each member has a partition now: a group that has settled works, and each of its members commits.
    const last = Array.from({ length: PARTITIONS }, (_, partition) => record('last', partition))
    await until('the last records are sent', () =>
      this.#send(last).then(
        () => true,
        () => false,
      ),
    )
    const { settledAfterMs, changes } = await this.#settle()
    const after = settledAfterMs === null ? null : settling.settledAfterMs
    return await this.#report(rounds, seed, { settledAfterMs: after, changes })
  }

  /** Ends the load and the members, also after an error. */
  stop(): void {
    this.#isRunning = false
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
    this.#members = this.#members.filter((running) => running !== victim)
    if (dice < 8) {
      this.#processes.kill(victim.member)
      this.#killed += 1
    } else this.#processes.end(victim.member)
    this.#startMember(victim.transport)
  }

  #startMember(transport: Transport): void {
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
      transport,
      ...(variant === undefined ? [] : [variant]),
    ]
    this.#members.push({ member: this.#processes.start(name, args), transport })
  }

  /** Sends a few records at a time until the run ends; failed requests are not retried. */
  async #produce(): Promise<void> {
    for (let order = 0; this.#isRunning; order++) {
      const records = Array.from({ length: this.#random.between(1, 20) }, (_, index) =>
        record(`${order}-${index}`, this.#random.below(PARTITIONS)),
      )
      await this.#send(records).catch(() => undefined)
      await sleep(10)
    }
  }

  async #send(records: readonly object[]): Promise<void> {
    const call = { method: 'POST', ...json({ records }), signal: AbortSignal.timeout(SEND_MS_MAX) }
    await fetch(`${this.#server.url}/v1/topics/${TOPIC}/records`, call)
  }

  #settle(): Promise<Settling> {
    return settle({ look: () => this.#describe(), members: TRANSPORTS.length })
  }

  /** Returns the group, or the reason why it did not respond. */
  async #describe(): Promise<DescribedGroup | string> {
    try {
      const signal = AbortSignal.timeout(DESCRIBE_MS_MAX)
      const response = await fetch(`${this.#server.url}/v1/groups/${GROUP}`, { signal })
      if (!response.ok) return `no group: ${response.status} ${await response.text()}`
      return (await response.json()) as DescribedGroup
    } catch (error) {
      return `no group: ${error}`
    }
  }

  async #report(
    rounds: number,
    seed: number,
    { settledAfterMs, changes }: Settling,
  ): Promise<GroupCrashReport> {
    // Before the members are killed.
    const running = this.#members.map(({ member: { name, process } }) => {
      return `${name}: pid ${process.pid}, exit code ${process.exitCode ?? 'none'}`
    })
    const group = await this.#describe()
    const endOffsets = Array<number>(PARTITIONS).fill(0)
    const committed = Array<number | undefined>(PARTITIONS).fill(undefined)
    for (const { partition, highWatermark, committedOffset } of typeof group === 'string'
      ? []
      : group.offsets) {
      endOffsets[partition] = highWatermark
      committed[partition] = committedOffset ?? undefined
    }
    const violations = await this.#processes.finish()
    const members = await this.#histories()
    violations.push(...checkGroupHistory({ members, endOffsets, committed }))
    if (settledAfterMs === null) {
      const what = ['not settled in time', ...running, ...unsettled(group, changes, members)]
      violations.push({ promise: 'G4', what: what.join('\n  ') })
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
      commitsBySession: events.filter(
        (event) => event.kind === 'commit accepted' && event.isBySession,
      ).length,
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

/** Returns the lines that show why a group has not settled. */
function unsettled(
  group: DescribedGroup | string,
  changes: readonly GroupChange[],
  members: readonly MemberHistory[],
): string[] {
  return [
    ...changes.map(({ afterMs, state }) => `after ${afterMs} ms: ${state}`),
    `now (${Date.now()}): ${JSON.stringify(group)}`,
    ...members.map(({ name, events }) => `${name}: ${JSON.stringify(events.slice(-LAST_EVENTS))}`),
  ]
}

function record(name: string, partition: number): object {
  return { value: `${name} ${'.'.repeat(60)}`, partition }
}

function json(body: object) {
  return { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
}
