/**
 * Question: does a classic group keep its guarantees for any behaviour and order of its members?
 * Contract, after every step, in addition to the checks of `ClassicShell` (invariants of the value, each call
 * gets one response or is lost with an eviction, heartbeats and commits store nothing):
 *  - a generation has one leader, one protocol and one list of members, and only its leader receives the
 *    list; generations only grow;
 *  - a sync returns the assignment that the leader of the same generation sent; other generations can neither
 *    sync nor commit (G3);
 *  - in the end, if all clients fall silent, no call stays parked and the group becomes empty; if the running
 *    clients follow the protocol, the group is stable and contains all of them within the longest rebalance
 *    time-out and the longest session time-out (G4).
 * Model: six clients that use only the responses they received, and a record of the responses of each generation.
 * Clients: of old and of new versions, dynamic and static, two of them with one instance id. Generated:
 * up to 60 commands. Limits: three protocols; all clients offer one of them.
 * The tests at the end show that the checker fails with broken decisions.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EdgelogError, type ErrorBody } from '../../../../src/core/errors.ts'
import { decideTime, nextDeadlineMs } from '../../../../src/core/group/classic/classic-time.ts'
import type { JoinGroupRequest, JoinGroupResult } from '../../../../src/core/group/classic-api.ts'
import { runs, SEEDED } from '../../../support/seed.ts'
import { bytes, ClassicShell, DECISIONS, type Decisions, text } from './classic-shell.ts'

const SESSION_MS_MAX = 8_000
const REBALANCE_MS_MAX = 10_000
const POLL_MS = 200

interface Client {
  readonly name: string
  /** The fields of its join requests. */
  readonly joinFields: Partial<JoinGroupRequest> & { readonly instanceId: string | null }
  readonly offers: readonly string[]
  memberId: string
  /** Its last join response; null: it has to join. */
  lastJoin: JoinGroupResult | null
  hasSynced: boolean
  parked: { readonly kind: 'join' | 'sync'; readonly ticket: number } | null
  /** Version of its subscription. */
  version: number
  /** Fenced permanently, like Kafka's clients after this error. */
  isFenced: boolean
  isCrashed: boolean
}

function client(
  name: string,
  offers: readonly string[],
  joinFields: Partial<JoinGroupRequest>,
): Client {
  return {
    ...{
      name,
      offers,
      joinFields: { instanceId: null, ...joinFields },
      memberId: '',
      lastJoin: null,
    },
    ...{ hasSynced: false, parked: null, version: 1, isFenced: false, isCrashed: false },
  }
}

function newClients(): Client[] {
  const slow = { sessionTimeoutMs: SESSION_MS_MAX, rebalanceTimeoutMs: REBALANCE_MS_MAX }
  const fast = { sessionTimeoutMs: 2_000, rebalanceTimeoutMs: 3_000 }
  const isNew = { requiresKnownMemberId: true }
  return [
    client('old', ['range'], { ...slow, supportsSkippingAssignment: false }),
    client('new', ['range', 'sticky'], { ...slow, ...isNew }),
    client('fast', ['sticky', 'range'], { ...fast, ...isNew }),
    client('static', ['sticky', 'range'], { ...slow, ...isNew, instanceId: 'i' }),
    client('static twin', ['sticky', 'range'], { ...fast, ...isNew, instanceId: 'i' }),
    client('old static', ['range', 'own'], {
      ...{ ...fast, instanceId: 'j', supportsSkippingAssignment: false },
    }),
  ]
}

/** The record of a generation. Static members are identified by instance id, because their member id changes. */
interface GenerationRecord {
  readonly leader: string
  readonly protocolName: string
  readonly members?: readonly string[]
  /** Assignments that its leader sent; undefined before that. */
  readonly given?: ReadonlyMap<string, string>
}

class World {
  readonly shell: ClassicShell
  readonly clients = newClients()
  readonly generations = new Map<number, GenerationRecord>()
  readonly #instanceOf = new Map<string, string>()
  readonly #syncs = new Map<number, { memberId: string; generation: number }>()
  #nonce = 0

  constructor(decisions: Decisions) {
    this.shell = new ClassicShell(decisions)
  }

  get generation(): number {
    return Math.max(0, ...this.generations.keys())
  }

  join(caller: Client): void {
    const protocols = caller.offers.map((name) => ({
      name,
      metadata: bytes(`${caller.name} v${caller.version}`),
    }))
    const ticket = this.shell.join({ ...caller.joinFields, memberId: caller.memberId, protocols })
    caller.parked = { kind: 'join', ticket }
    this.#deliver()
  }

  /** Syncs. `behind`: how many generations ago the client received the values it sends. */
  sync(caller: Client, behind: number): void {
    const { lastJoin, memberId, joinFields } = caller
    if (lastJoin === null) return
    const generation = lastJoin.generation - behind
    const { state } = this.shell.group
    const isLeader = lastJoin.leader === memberId
    const members = isLeader && !lastJoin.skipAssignment ? lastJoin.members : []
    const given = members.map((one) => [one.memberId, `${generation}-${++this.#nonce}`] as const)
    const ticket = this.shell.sync({
      ...{ memberId, generation, instanceId: joinFields.instanceId },
      ...{ protocolType: lastJoin.protocolType, protocolName: lastJoin.protocolName },
      assignments: given.map(([to, assignment]) => ({
        memberId: to,
        assignment: bytes(assignment),
      })),
    })
    this.#syncs.set(ticket, { memberId, generation })
    if (state === 'completing_rebalance' && this.shell.group.state === 'stable') {
      const known = this.generations.get(generation)
      if (known === undefined) throw new Error(`generation ${generation} was never returned`)
      if (known.given !== undefined) throw new Error(`generation ${generation} is assigned twice`)
      const byKey = new Map(given.map(([to, assignment]) => [this.#keyOf(to), assignment]))
      this.generations.set(generation, { ...known, given: byKey })
    }
    caller.parked = { kind: 'sync', ticket }
    this.#deliver()
  }

  /** Sends a heartbeat or a commit. */
  call(caller: Client, what: 'heartbeat' | 'commit', behind: number): void {
    const { lastJoin, memberId } = caller
    if (lastJoin === null) return
    const generation = lastJoin.generation - behind
    const { instanceId } = caller.joinFields
    try {
      if (what === 'commit') {
        this.shell.commit(memberId, { instanceId, epoch: generation })
        expect(generation, 'a commit of an old generation was accepted').toBe(this.generation)
      } else {
        const response = this.shell.heartbeat(memberId, { instanceId, generation })
        expect(generation, 'an old generation was accepted').toBe(this.generation)
        if ('error' in response) this.#refused(caller, response.error)
      }
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      if (behind === 0) this.#refused(caller, error.toBody())
    }
  }

  leave(caller: Client): void {
    this.shell.leave({ memberId: caller.memberId, instanceId: caller.joinFields.instanceId })
    this.#deliver()
    Object.assign(caller, { memberId: '', lastJoin: null, hasSynced: false })
  }

  /** Breaks the connection of a parked call. The group does not notice, and its response is lost. */
  abandon(caller: Client): void {
    if (caller.parked !== null) this.#dropCall(caller)
  }

  evict(): void {
    this.shell.evict()
    for (const caller of this.clients) if (caller.parked !== null) this.#dropCall(caller)
  }

  pass(ms: number, isLate = false): void {
    if (isLate) this.shell.oversleep(ms)
    else this.shell.pass(ms)
    this.#deliver()
  }

  /** Makes the next call of a client that follows the protocol. */
  behave(caller: Client): void {
    if (caller.parked !== null) return
    if (caller.lastJoin === null) this.join(caller)
    else if (!caller.hasSynced) this.sync(caller, 0)
    else this.call(caller, 'heartbeat', 0)
  }

  #dropCall(caller: Client): void {
    if (caller.parked?.kind === 'join') Object.assign(caller, { lastJoin: null, hasSynced: false })
    caller.parked = null
  }

  #deliver(): void {
    for (const caller of this.clients) {
      if (caller.parked === null) continue
      const { kind, ticket } = caller.parked
      const given = this.shell.responses.get(ticket)
      if (given === undefined) continue
      caller.parked = null
      if ('error' in given.response) this.#refused(caller, given.response.error, ticket)
      else if (kind === 'join') this.#joined(caller, this.shell.joined(ticket))
      else this.#synced(caller, ticket, text(this.shell.synced(ticket).assignment))
    }
  }

  #refused(caller: Client, { code, details }: ErrorBody, ticket = 0): void {
    const sync = this.#syncs.get(ticket)
    if (code === 'illegal_generation' && sync !== undefined) {
      const isOld = sync.generation !== this.shell.group.generation
      expect(isOld, 'the current generation was refused').toBe(true)
      // The client sent an old generation on purpose; its last response may still be valid.
      if (caller.lastJoin?.generation !== sync.generation) return
    }
    caller.lastJoin = null
    caller.hasSynced = false
    if (code === 'unknown_member_id') caller.memberId = ''
    else if (code === 'member_id_required') caller.memberId = String(details?.memberId)
    else if (code === 'fenced_instance_id') caller.isFenced = true
    else expect(['illegal_generation', 'rebalance_in_progress']).toContain(code)
  }

  #joined(caller: Client, response: JoinGroupResult): void {
    const { generation, memberId, members, protocolName, leader, skipAssignment } = response
    const { instanceId } = caller.joinFields
    if (instanceId !== null) this.#instanceOf.set(memberId, instanceId)
    for (const one of members) {
      if (one.instanceId !== null) this.#instanceOf.set(one.memberId, one.instanceId)
    }
    expect(generation, 'generations only grow').toBeGreaterThanOrEqual(this.generation)
    expect(members.length > 0, 'only the leader receives all members').toBe(memberId === leader)
    expect(skipAssignment && memberId !== leader, 'only a leader skips').toBe(false)
    const known = this.generations.get(generation)
    const record = { ...known, leader: known?.leader ?? leader, protocolName }
    if (known !== undefined) {
      expect(this.#keyOf(leader), 'one leader').toBe(this.#keyOf(known.leader))
      expect(protocolName, 'one protocol').toBe(known.protocolName)
    }
    if (members.length > 0) {
      const keys = members.map((one) => this.#keyOf(one.memberId))
      if (known?.members !== undefined) expect(keys, 'one list of members').toEqual(known.members)
      this.generations.set(generation, { ...record, members: keys })
    } else {
      this.generations.set(generation, record)
    }
    Object.assign(caller, { memberId, lastJoin: response, hasSynced: false })
  }

  #synced(caller: Client, ticket: number, assignment: string): void {
    const sync = this.#syncs.get(ticket)
    if (sync === undefined) throw new Error('no such sync was sent')
    expect(sync.generation, 'only the current generation syncs').toBe(this.generation)
    const given = this.generations.get(sync.generation)?.given
    if (given === undefined) throw new Error('a sync completed before the leader assigned')
    expect(assignment, 'the assignment of the leader').toBe(
      given.get(this.#keyOf(sync.memberId)) ?? '',
    )
    caller.hasSynced = true
  }

  #keyOf(memberId: string): string {
    return this.#instanceOf.get(memberId) ?? memberId
  }
}

/** Checks that the group becomes empty if no client calls again. */
function checkSilence(world: World, decisions: Decisions): void {
  let { group, nowMs } = world.shell
  const parked = new Set(world.shell.parkedTickets())
  for (let looks = 0; looks < 100; looks++) {
    const dueMs = nextDeadlineMs(group)
    if (dueMs === null) break
    nowMs = Math.max(nowMs, dueMs)
    const step = decisions.decideTime(group, nowMs)
    for (const { ticket } of step.responses) parked.delete(ticket)
    group = step.group
  }
  expect([...parked], 'calls that stay parked').toEqual([])
  expect(group.state, 'state of a group without calls').toBe('empty')
}

function alive(world: World): Client[] {
  return world.clients.filter((caller) => !caller.isCrashed && !caller.isFenced)
}

/** Checks that the group recovers if all running clients follow the protocol. */
function checkRecovery(world: World): void {
  const boundMs = REBALANCE_MS_MAX + SESSION_MS_MAX + 20 * POLL_MS
  for (let elapsedMs = 0; elapsedMs < boundMs; elapsedMs += POLL_MS) {
    for (const caller of alive(world)) world.behave(caller)
    world.pass(POLL_MS)
  }
  for (const caller of alive(world)) world.behave(caller)
  const { state, members } = world.shell.group
  expect(state).toBe(alive(world).length === 0 ? 'empty' : 'stable')
  expect([...members.keys()].sort()).toEqual(
    alive(world)
      .map(({ memberId }) => memberId)
      .sort(),
  )
  for (const caller of alive(world)) {
    expect(caller).toMatchObject({ parked: null, hasSynced: true })
    expect(caller.lastJoin?.generation).toBe(world.generation)
  }
}

type Command = fc.Command<object, World>

function command(name: string, run: (world: World) => void): Command {
  return { check: () => true, run: (_, world) => run(world), toString: () => name }
}

/** Returns a command of a client that is running and has no parked call. */
function clientCommand(name: string, act: (world: World, caller: Client) => void) {
  return fc.nat(5).map((index) =>
    command(`${name}(${index})`, (world) => {
      const caller = world.clients[index]
      if (caller === undefined || caller.isCrashed || caller.isFenced || caller.parked !== null)
        return
      act(world, caller)
    }),
  )
}

const behind = fc.constantFrom(0, 0, 0, 1, 2)
const COMMANDS: Array<fc.Arbitrary<Command>> = [
  // Most commands follow the protocol: otherwise the group would never become stable.
  ...[1, 1, 3, 3, 9, 9].map((rounds) =>
    fc.constant(
      command(`behave x ${rounds}`, (world) => {
        for (let round = 0; round < rounds; round++) {
          for (const caller of alive(world)) world.behave(caller)
          if (rounds > 1) world.pass(POLL_MS)
        }
      }),
    ),
  ),
  clientCommand('behave', (world, caller) => world.behave(caller)),
  clientCommand('join', (world, caller) => world.join(caller)),
  behind.chain((n) => clientCommand(`sync -${n} `, (world, caller) => world.sync(caller, n))),
  behind.chain((n) =>
    clientCommand(`heartbeat -${n} `, (world, caller) => world.call(caller, 'heartbeat', n)),
  ),
  behind.chain((n) =>
    clientCommand(`commit -${n} `, (world, caller) => world.call(caller, 'commit', n)),
  ),
  clientCommand('subscribe', (world, caller) => {
    caller.version++
    world.join(caller)
  }),
  clientCommand('leave', (world, caller) => world.leave(caller)),
  clientCommand('restart', (world, caller) => {
    Object.assign(caller, { memberId: '', lastJoin: null, hasSynced: false })
    world.join(caller)
  }),
  fc.nat(5).map((index) =>
    command(`crash(${index})`, ({ clients }) => {
      const caller = clients[index]
      if (caller !== undefined) caller.isCrashed = true
    }),
  ),
  fc.nat(5).map((index) =>
    command(`abandon(${index})`, (world) => {
      const caller = world.clients[index]
      if (caller !== undefined) world.abandon(caller)
    }),
  ),
  fc
    .constantFrom(1, 100, 300, 900, 3_000, 9_000)
    .map((ms) => command(`pass(${ms})`, (world) => world.pass(ms))),
  fc.constantFrom(300, 900).map((ms) => command(`pass(${ms})`, (world) => world.pass(ms))),
  fc
    .constantFrom(500, 5_000, 50_000)
    .map((ms) => command(`oversleep(${ms})`, (world) => world.pass(ms, true))),
  fc.constant(command('evict', (world) => world.evict())),
]

function property(decisions: Decisions) {
  return fc.property(fc.commands(COMMANDS, { maxCommands: 60, size: 'max' }), (commands) => {
    const world = new World(decisions)
    fc.modelRun(() => ({ model: {}, real: world }), commands)
    checkSilence(world, decisions)
    checkRecovery(world)
  })
}

test('a classic group keeps its guarantees for any behaviour of its members', () => {
  fc.assert(property(DECISIONS), { ...SEEDED, numRuns: runs(500) })
})

/** Decisions with one defect each; the checker has to find it. */
const BROKEN: Array<[string, Partial<Decisions>]> = [
  [
    'a sync of any generation is accepted',
    {
      decideSync: (group, request, facts) =>
        DECISIONS.decideSync(group, { ...request, generation: group.generation }, facts),
    },
  ],
  [
    'a commit of any generation is accepted',
    {
      checkClassicCommit: (group, member, nowMs) =>
        DECISIONS.checkClassicCommit(group, { ...member, epoch: group.generation }, nowMs),
    },
  ],
  [
    'a generation is not stored',
    {
      encodeClassicChanges: (before, after) => {
        const changes = DECISIONS.encodeClassicChanges(before, after)
        return before.generation === after.generation ? changes : { ...changes, header: null }
      },
    },
  ],
  [
    'sessions do not expire',
    {
      decideTime: (group, nowMs) => {
        const step = decideTime(group, nowMs)
        return step.group.members.size < group.members.size ? { group, responses: [] } : step
      },
    },
  ],
  [
    'a parked call is dropped when a member joins',
    {
      decideJoin: (group, request, facts) => {
        const { group: next, responses } = DECISIONS.decideJoin(group, request, facts)
        return { group: next, responses: responses.filter(({ ticket }) => ticket === facts.ticket) }
      },
    },
  ],
]

test.each(BROKEN)('the checker detects that %s', (_, broken) => {
  const result = fc.check(property({ ...DECISIONS, ...broken }), {
    ...{ ...SEEDED, numRuns: 500, endOnFailure: true },
  })
  expect(result.failed).toBe(true)
})
