/**
 * Question: does a group of the consumer protocol (KIP-848) keep its guarantees for any behaviour of its members?
 * Contract, after every step:
 *  - no partition has two members as owners, and no two clients that are members hold the same partition (G3); a
 *    commit with another epoch, or of a partition of another member, is refused;
 *  - the targets are a valid assignment, made only when one was due; epochs only grow;
 *  - a decision by itself changes nothing, and a refused one causes no change at all;
 *  - a partition in both the old and the new target of a remaining member is never taken from it;
 *  - in the end, once all running clients follow the protocol, the group is stable within a session, a rebalance
 *    time-out and a few rounds, and every partition has one owner (G4).
 * Model: `World`: six clients that hold the partitions they receive, and give them up when requested.
 * Generated: up to 80 commands: lost requests and responses, full and minimal heartbeats, slow and silent
 * members, crashes, static members that return under another id, topics that are created, extended,
 * deleted and recreated, late notifications, evictions. Limits: calls of one client do not
 * overtake one another.
 * The tests at the end show that the checker fails with broken rules.
 */
import fc from 'fast-check'
import { afterAll, beforeEach, expect, test, vi } from 'vitest'
import { runs, SEEDED } from '../../../support/seed.ts'
import { type Client, ROUND_MS, request, SUBSCRIPTIONS, World } from './consumer-world.ts'

type Reconcile = typeof import('../../../../src/core/group/consumer/reconcile.ts').reconcile
type CommitRules = typeof import('../../../../src/core/group/consumer/check-commit.ts')

/** Replacements of the rules; set by the tests of the checker. */
const broken = vi.hoisted(() => {
  // Files share modules, and a mock replaces none that is loaded.
  vi.resetModules()
  return {
    reconcile: (right: Reconcile): Reconcile => right,
    checkConsumerCommit: ({
      checkConsumerCommit,
    }: CommitRules): CommitRules['checkConsumerCommit'] => checkConsumerCommit,
  }
})

afterAll(() => {
  vi.resetModules()
})

vi.mock('../../../../src/core/group/consumer/reconcile.ts', async (load) => {
  const { reconcile } = await load<{ reconcile: Reconcile }>()
  return { reconcile: ((...args) => broken.reconcile(reconcile)(...args)) satisfies Reconcile }
})

vi.mock('../../../../src/core/group/consumer/check-commit.ts', async (load) => {
  const rules = await load<CommitRules>()
  const checkConsumerCommit: CommitRules['checkConsumerCommit'] = (...args) =>
    broken.checkConsumerCommit(rules)(...args)
  return { ...rules, checkConsumerCommit }
})

const RIGHT = { ...broken }

beforeEach(() => {
  Object.assign(broken, RIGHT)
})

// -- commands ------------------------------------------------------------------------------------

type Command = fc.Command<object, World>

function command(name: string, run: (world: World) => void): Command {
  const checked = (world: World) => {
    run(world)
    world.check()
  }
  return { check: () => true, run: (_, world) => checked(world), toString: () => name }
}

function clientCommand(name: string, act: (world: World, caller: Client) => void) {
  return fc.nat(5).map((index) =>
    command(`${name}(${index})`, (world) => {
      const caller = world.clients[index]
      if (caller !== undefined) act(world, caller)
    }),
  )
}

const fate = fc.constantFrom('completed', 'completed', 'response lost', 'request lost' as const)
const topicName = fc.constantFrom('a', 'b', 'c')

/** Requests that are refused, whatever the state of the group. */
const DISHONEST: Array<[string, (world: World, caller: Client) => void]> = [
  [
    'unknown',
    (world) => world.refuse({ memberId: 'nobody', memberEpoch: 3 }, ['unknown_member_id']),
  ],
  [
    'ahead',
    (world, { memberId, instanceId }) =>
      world.refuse({ memberId, instanceId, memberEpoch: world.group.groupEpoch + 1, owned: [] }, [
        'fenced_member_epoch',
        'fenced_instance_id',
        'unknown_member_id',
      ]),
  ],
  [
    'sends a very old epoch',
    (world, { memberId, instanceId }) => {
      const previous = world.group.members.get(memberId)?.previousMemberEpoch ?? 9
      if (previous < 2) return
      world.refuse({ memberId, instanceId, memberEpoch: previous - 1, owned: [] }, [
        'fenced_member_epoch',
        'fenced_instance_id',
        'unknown_member_id',
      ])
    },
  ],
  [
    'sends the previous epoch, and partitions of others',
    (world, { memberId, instanceId }) => {
      const member = world.group.members.get(memberId)
      if (member === undefined || member.previousMemberEpoch === 0) return
      if (member.previousMemberEpoch === member.memberEpoch) return
      const memberEpoch = member.previousMemberEpoch
      const owned = [{ topicId: 'a1', partitions: [99] }]
      for (const fields of [{}, { owned }]) {
        world.refuse({ memberId, instanceId, memberEpoch, ...fields }, ['fenced_member_epoch'])
      }
    },
  ],
  [
    'joins with owned partitions',
    (world) =>
      world.refuse({ topics: ['a'], owned: [{ topicId: 'a1', partitions: [0] }] }, [
        'invalid_request',
      ]),
  ],
  ['joins without topics', (world) => world.refuse({ topics: [] }, ['invalid_request'])],
  [
    'joins with an unknown topic',
    (world) => world.refuse({ topics: ['nothing'] }, ['unknown_topic_or_partition']),
  ],
  [
    'uses the instance id of another member',
    (world) => {
      world.expire()
      const holder = world.group.memberOf('i')
      if (holder === undefined || holder.memberEpoch === -2) return
      world.refuse({ instanceId: 'i', topicPattern: '.*' }, ['unreleased_instance_id'])
      world.refuse({ instanceId: 'i', memberEpoch: 1 }, ['fenced_instance_id'])
      world.refuse({ instanceId: 'i', memberEpoch: -1 }, ['fenced_instance_id'])
    },
  ],
  [
    'leaves temporarily without an instance id',
    (world, { memberId }) => world.refuse({ memberId, memberEpoch: -2 }, ['invalid_request']),
  ],
]

/** Commits any partition, with any former epoch; and the partitions a client holds, with its current epoch. */
function commitCommand() {
  return fc
    .record({ index: fc.nat(5), behind: fc.integer({ min: -1, max: 4 }), holder: fc.nat(5) })
    .map(({ index, behind, holder }) =>
      command(`commit(${index}, -${behind}, of ${holder})`, (world) => {
        const [caller, other] = [world.clients[index], world.clients[holder]]
        if (caller === undefined || other === undefined) return
        const member = world.group.members.get(caller.memberId)
        for (const [topicId, partitions] of other.holds) {
          for (const partition of partitions) {
            world.commit(caller.memberId, caller.epoch - behind, topicId, partition)
            world.commit(caller.memberId, member?.memberEpoch ?? 1, topicId, partition)
          }
        }
        for (const epoch of [-2, -1, 0, 1]) world.commit(caller.memberId, epoch, 'a1', 0)
      }),
    )
}

const COMMANDS: Array<fc.Arbitrary<Command>> = [
  ...[1, 2, 5, 5].map((rounds) =>
    fc.constant(
      command(`rounds(${rounds})`, (world) => {
        for (let round = 0; round < rounds; round++) {
          world.pass(ROUND_MS)
          world.round()
        }
      }),
    ),
  ),
  clientCommand('start', (world, caller) => world.start(caller)),
  clientCommand('start', (world, caller) => world.start(caller)),
  ...[true, true, false].map((sendsOwned) =>
    fate.chain((how) =>
      clientCommand(`heartbeat ${how} ${sendsOwned}`, (world, caller) =>
        world.heartbeat(caller, how, sendsOwned),
      ),
    ),
  ),
  fate.chain((how) =>
    clientCommand(`leave ${how}`, (world, caller) => world.leave(caller, how, false)),
  ),
  fate.chain((how) =>
    clientCommand(`return later ${how}`, (world, caller) => {
      world.leave(caller, how, true)
      world.start(caller)
    }),
  ),
  clientCommand('crash', (world, caller) => world.crash(caller)),
  clientCommand('pause', (_, caller) => {
    if (caller.state === 'running') caller.state = 'paused'
  }),
  clientCommand('slow down', (_, caller) => {
    caller.isSlow = true
  }),
  clientCommand('finish revoking', (world, caller) => {
    caller.isSlow = false
    world.giveUp(caller)
  }),
  fc
    .nat(SUBSCRIPTIONS.length - 1)
    .chain((index) =>
      clientCommand(`subscribe to ${index} `, (world, caller) =>
        world.subscribe(caller, SUBSCRIPTIONS[index] ?? caller),
      ),
    ),
  ...[true, false].map((isPushed) =>
    fc.record({ name: topicName, partitions: fc.nat(6) }).map(({ name, partitions }) =>
      command(`topic(${name}, ${partitions}, ${isPushed ? 'pushed' : 'not pushed'})`, (world) => {
        if (partitions === 0) world.deleteTopic(name)
        else world.setTopic(name, partitions)
        if (isPushed) world.refreshTopics()
      }),
    ),
  ),
  topicName.map((name) =>
    command(`recreate(${name})`, (world) => {
      world.deleteTopic(name)
      world.setTopic(name, 2)
      world.refreshTopics()
    }),
  ),
  fc.constant(command('refresh topics', (world) => world.refreshTopics())),
  fc.constant(command('evict', (world) => world.evict())),
  fc.constantFrom(1, 100, 1_000, 5_000, 9_000).map((ms) =>
    command(`pass(${ms})`, (world) => {
      world.pass(ms)
      world.expire()
    }),
  ),
  commitCommand(),
  commitCommand(),
  ...DISHONEST.map(([name, act]) => clientCommand(name, act)),
]

function property() {
  return fc.property(fc.commands(COMMANDS, { maxCommands: 80, size: 'max' }), (commands) => {
    const world = new World()
    fc.modelRun(() => ({ model: {}, real: world }), commands)
    world.checkRecovery()
  })
}

test('a consumer group keeps its guarantees for any behaviour of its members', () => {
  fc.assert(property(), { ...SEEDED, numRuns: runs(300) })
})

// -- the checker -----------------------------------------------------------------------------------

/** Rules with one defect each; the checker has to find it. */
const BROKEN: Array<[string, Partial<typeof broken>, complaint: RegExp]> = [
  [
    'partitions are assigned before they are revoked',
    {
      reconcile: (right) => (draft, member, owned) => {
        const generous = new Proxy(draft, {
          get: (target, property) => {
            if (property === 'isFree') return () => true
            const value: unknown = Reflect.get(target, property, target)
            return typeof value === 'function' ? value.bind(target) : value
          },
        })
        return right(generous, member, owned)
      },
    },
    /is with .* alone/,
  ],
  [
    'a heartbeat without owned partitions counts as a revocation',
    {
      reconcile: (right) => (draft, member, owned) => right(draft, member, owned ?? new Map()),
    },
    /alone|holds only its partitions/,
  ],
  [
    'commits are not checked for ownership',
    {
      checkConsumerCommit:
        ({ findCommitting }) =>
        (group, committing) => {
          findCommitting(group, committing)
        },
    },
    /commit: expected 'ok' to be 'stale/,
  ],
  [
    'commits with a stale epoch are accepted',
    {
      checkConsumerCommit:
        ({ checkConsumerCommit }) =>
        (group, committing, offsets) => {
          const epoch = group.member(committing.memberId)?.memberEpoch ?? committing.epoch
          checkConsumerCommit(group, { ...committing, epoch }, offsets)
        },
    },
    /commit: expected 'ok' to be 'stale/,
  ],
]

test.each(BROKEN)('the checker detects that %s', (_, defect, complaint) => {
  Object.assign(broken, defect)
  const result = fc.check(property(), { ...SEEDED, numRuns: 600, endOnFailure: true })
  expect(result.failed).toBe(true)
  expect(String(result.errorInstance)).toMatch(complaint)
})

// -- by example ------------------------------------------------------------------------------------

test('a commit with an epoch that was never assigned is refused', () => {
  const world = new World()
  const owned = { topicId: 'a1', partition: 0 }
  world.call(request({ instanceId: 'x', topics: ['a'] }))
  expect(world.commit('m', 1, owned.topicId, owned.partition)).toBe('ok')
  expect(world.commit('m', 0, owned.topicId, owned.partition)).toBe('stale_member_epoch')
  world.call(request({ instanceId: 'x', memberEpoch: -2 }))
  expect(world.commit('m', -2, owned.topicId, owned.partition)).toBe('stale_member_epoch')
})
