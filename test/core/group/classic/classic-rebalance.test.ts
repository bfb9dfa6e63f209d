/** Tests each row of Kafka's table of states, and the related rules, by example. */
import { describe, expect, test } from 'vitest'
import { EdgelogError } from '../../../../src/core/errors.ts'
import {
  CLASSIC_METADATA_BYTES_MAX,
  INITIAL_REBALANCE_DELAY_MS,
  NEW_MEMBER_JOIN_TIMEOUT_MS,
} from '../../../../src/core/limits.ts'
import { bytes, ClassicShell, REBALANCE_MS, SESSION_MS, text } from './classic-shell.ts'

const OTHER = [{ name: 'range', metadata: bytes('other topics') }]

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof EdgelogError) return error.code
    throw error
  }
  return 'none'
}

/** Returns m1 (which leads), m2, ... in generation 1, before the leader assigns. */
function completing(count: number): ClassicShell {
  const shell = new ClassicShell()
  for (let member = 0; member < count; member++) shell.join()
  shell.pass(2 * INITIAL_REBALANCE_DELAY_MS)
  expect(shell.group).toMatchObject({ state: 'completing_rebalance', generation: 1, leader: 'm1' })
  return shell
}

function assignmentsOf(shell: ClassicShell) {
  return [...shell.group.members.keys()].map((memberId) => ({
    memberId,
    assignment: bytes(`for ${memberId}`),
  }))
}

/** Returns the members of `completing` in a stable group. */
function stable(count: number): ClassicShell {
  const shell = completing(count)
  for (const memberId of shell.group.members.keys()) if (memberId !== 'm1') shell.sync({ memberId })
  shell.sync({ memberId: 'm1', assignments: assignmentsOf(shell) })
  expect(shell.group.state).toBe('stable')
  return shell
}

/** Returns the members of `stable` with a rebalance that m1 has opened and joined. */
function preparing(count: number): ClassicShell {
  const shell = stable(count)
  shell.join({ memberId: 'm1' })
  expect(shell.group.state).toBe('preparing_rebalance')
  return shell
}

describe('an empty group', () => {
  test('accepts a new member and prepares a rebalance', () => {
    const shell = new ClassicShell()
    const ticket = shell.join()
    expect(shell.group.state).toBe('preparing_rebalance')
    expect(shell.isParked(ticket)).toBe(true)
  })

  test('has no known members', () => {
    const shell = new ClassicShell()
    expect(shell.refused(shell.join({ memberId: 'm9' })).code).toBe('unknown_member_id')
    expect(shell.refused(shell.sync({ memberId: 'm9' })).code).toBe('unknown_member_id')
    expect(codeOf(() => shell.heartbeat('m9'))).toBe('unknown_member_id')
    expect(codeOf(() => shell.commit('m9'))).toBe('unknown_member_id')
    expect(shell.leave({ memberId: 'm9' })).toEqual([
      { memberId: 'm9', instanceId: null, error: 'unknown_member_id' },
    ])
  })
})

describe('the first rebalance', () => {
  test('waits for its delay, and makes generation 1 of the members that joined', () => {
    const shell = new ClassicShell()
    const first = shell.join()
    shell.pass(INITIAL_REBALANCE_DELAY_MS - 1)
    expect(shell.isParked(first)).toBe(true)
    shell.pass(1)
    expect(shell.joined(first)).toEqual({
      generation: 1,
      protocolType: 'consumer',
      protocolName: 'range',
      leader: 'm1',
      skipAssignment: false,
      memberId: 'm1',
      members: [{ memberId: 'm1', instanceId: null, metadata: bytes('topics') }],
    })
  })

  test('waits longer while members keep joining, but not longer than the rebalance time-out', () => {
    const shell = new ClassicShell()
    const timeouts = { rebalanceTimeoutMs: 1_000 }
    const first = shell.join(timeouts)
    for (let elapsedMs = 0; elapsedMs < 900; elapsedMs += 100) {
      shell.pass(100)
      shell.join(timeouts)
    }
    expect(shell.isParked(first)).toBe(true)
    shell.pass(100)
    expect(shell.joined(first).members).toHaveLength(10)
  })

  test('gives the list of members only to the leader', () => {
    const shell = new ClassicShell()
    const tickets = [shell.join(), shell.join(), shell.join()]
    shell.pass(2 * INITIAL_REBALANCE_DELAY_MS)
    expect(tickets.map((ticket) => shell.joined(ticket).members.length)).toEqual([3, 0, 0])
    expect(new Set(tickets.map((ticket) => shell.joined(ticket).leader))).toEqual(new Set(['m1']))
  })

  test('ends in an empty group if the only member leaves', () => {
    const shell = new ClassicShell()
    const ticket = shell.join()
    expect(shell.leave({ memberId: 'm1' })[0]?.error).toBeNull()
    expect(shell.refused(ticket).code).toBe('unknown_member_id')
    expect(shell.group.state).toBe('empty')
  })
})

describe('a group that prepares a rebalance', () => {
  test('holds joins until the last member has joined', () => {
    const shell = preparing(2)
    const second = shell.join({ memberId: 'm2' })
    expect(shell.joined(second)).toMatchObject({ generation: 2, leader: 'm1', members: [] })
  })

  test('returns rebalance_in_progress to syncs and heartbeats, and extends the session for heartbeats', () => {
    const shell = preparing(2)
    expect(shell.refused(shell.sync({ memberId: 'm2' })).code).toBe('rebalance_in_progress')
    for (let beats = 0; beats < 3; beats++) {
      shell.pass(SESSION_MS - 1)
      expect(shell.heartbeat('m2')).toMatchObject({ error: { code: 'rebalance_in_progress' } })
    }
    expect(shell.group.members.has('m2')).toBe(true)
  })

  test('accepts commits of the generation that ends', () => {
    const shell = preparing(2)
    expect(codeOf(() => shell.commit('m2'))).toBe('none')
    expect(codeOf(() => shell.commit('m2', { epoch: 0 }))).toBe('illegal_generation')
  })

  test('continues without a member that leaves', () => {
    const shell = preparing(2)
    shell.leave({ memberId: 'm2' })
    expect(shell.group).toMatchObject({ state: 'completing_rebalance', generation: 2 })
  })

  test('removes members that do not join in time, even if they send heartbeats', () => {
    const shell = preparing(3)
    const second = shell.join({ memberId: 'm2' })
    for (let elapsedMs = 0; elapsedMs < REBALANCE_MS; elapsedMs += 5_000) {
      shell.heartbeat('m3')
      shell.pass(5_000)
    }
    expect(shell.joined(second).generation).toBe(2)
    expect([...shell.group.members.keys()]).toEqual(['m1', 'm2'])
    expect(codeOf(() => shell.heartbeat('m3'))).toBe('unknown_member_id')
  })

  test('removes silent members after their session time-out', () => {
    const shell = preparing(2)
    shell.pass(SESSION_MS)
    expect([...shell.group.members.keys()]).toEqual(['m1'])
    expect(shell.group.state).toBe('completing_rebalance')
  })

  test('keeps a member with a parked call, however short its session', () => {
    const shell = preparing(2)
    shell.heartbeat('m1')
    for (let elapsedMs = 0; elapsedMs < 3 * SESSION_MS; elapsedMs += 5_000) {
      shell.heartbeat('m2')
      shell.pass(5_000)
    }
    expect(shell.group.members.has('m1')).toBe(true)
  })

  test('elects another leader if the previous one does not join', () => {
    const shell = stable(3)
    shell.join({ memberId: 'm3', protocols: OTHER })
    const second = shell.join({ memberId: 'm2' })
    shell.leave({ memberId: 'm1' })
    expect(shell.joined(second)).toMatchObject({ leader: 'm2' })
    expect(shell.joined(second).members.map(({ memberId }) => memberId)).toEqual(['m2', 'm3'])
  })

  test('refuses the first of two joins of one member', () => {
    const shell = preparing(2)
    const again = shell.join({ memberId: 'm1' })
    expect(shell.refused(again - 1).code).toBe('rebalance_in_progress')
    shell.join({ memberId: 'm2' })
    expect(shell.joined(again).generation).toBe(2)
  })

  test('does not hold the first join of a member forever', () => {
    const shell = stable(1)
    const ticket = shell.join({ rebalanceTimeoutMs: 2 * NEW_MEMBER_JOIN_TIMEOUT_MS })
    for (let elapsedMs = 0; elapsedMs < NEW_MEMBER_JOIN_TIMEOUT_MS; elapsedMs += 5_000) {
      expect(shell.isParked(ticket)).toBe(true)
      shell.heartbeat('m1')
      shell.pass(5_000)
    }
    expect(shell.refused(ticket).code).toBe('unknown_member_id')
  })

  test('does not hold a repeated join longer', () => {
    const patient = { rebalanceTimeoutMs: 2 * NEW_MEMBER_JOIN_TIMEOUT_MS }
    const shell = stable(1)
    shell.join(patient)
    shell.pass(5_000)
    const again = shell.join({ memberId: 'm2', ...patient })
    shell.heartbeat('m1')
    for (let elapsedMs = 5_000; elapsedMs < NEW_MEMBER_JOIN_TIMEOUT_MS; elapsedMs += 5_000) {
      shell.heartbeat('m1')
      shell.pass(5_000)
    }
    expect(shell.refused(again).code).toBe('unknown_member_id')
  })

  test('discards the assignment of a member whose offer has changed', () => {
    const shell = stable(2)
    shell.join({ memberId: 'm2', protocols: OTHER })
    const kept = [...shell.group.members.values()].map(({ assignment }) => text(assignment))
    expect(kept).toEqual(['for m1', ''])
  })
})

describe('a group whose leader assigns', () => {
  test("parks syncs, and completes them with the leader's", () => {
    const shell = completing(2)
    const second = shell.sync({ memberId: 'm2' })
    expect(shell.isParked(second)).toBe(true)
    const first = shell.sync({ memberId: 'm1', assignments: assignmentsOf(shell) })
    expect(shell.synced(second)).toEqual({
      protocolType: 'consumer',
      protocolName: 'range',
      assignment: bytes('for m2'),
    })
    expect(text(shell.synced(first).assignment)).toBe('for m1')
    expect(shell.group.state).toBe('stable')
  })

  test('gives an empty assignment to members that the leader omits', () => {
    const shell = completing(2)
    const stranger = { memberId: 'm9', assignment: bytes('x') }
    shell.sync({ memberId: 'm1', assignments: [stranger] })
    expect(shell.synced(shell.sync({ memberId: 'm2' })).assignment).toHaveLength(0)
  })

  test('accepts heartbeats, and no commits', () => {
    const shell = completing(2)
    expect(shell.heartbeat('m2')).toEqual({ ok: null })
    expect(codeOf(() => shell.commit('m2'))).toBe('rebalance_in_progress')
  })

  test('responds to a join without changes with the same generation', () => {
    const shell = completing(2)
    expect(shell.joined(shell.join({ memberId: 'm1' })).members).toHaveLength(2)
    expect(shell.joined(shell.join({ memberId: 'm2' }))).toMatchObject({ generation: 1 })
    expect(shell.group.state).toBe('completing_rebalance')
  })

  test.each([
    [
      'a changed member joins',
      (shell: ClassicShell) => shell.join({ memberId: 'm3', protocols: OTHER }),
    ],
    ['a new member joins', (shell: ClassicShell) => shell.join()],
    ['a member leaves', (shell: ClassicShell) => shell.leave({ memberId: 'm3' })],
    ['a member dies', (shell: ClassicShell) => shell.pass(SESSION_MS)],
  ])('starts again when %s, and completes the parked calls with an error', (_, happen) => {
    const shell = completing(3)
    const second = shell.sync({ memberId: 'm2' })
    happen(shell)
    expect(shell.group.state).toBe('preparing_rebalance')
    expect(shell.refused(second).code).toBe('rebalance_in_progress')
  })

  test('refuses the first of two syncs of one member', () => {
    const shell = completing(2)
    const former = shell.sync({ memberId: 'm2' })
    const later = shell.sync({ memberId: 'm2' })
    expect(shell.refused(former).code).toBe('rebalance_in_progress')
    expect(shell.isParked(later)).toBe(true)
  })

  test('removes a leader that sends heartbeats but never syncs, and other members that did not sync', () => {
    const shell = completing(3)
    const second = shell.sync({ memberId: 'm2' })
    for (let elapsedMs = 0; elapsedMs < REBALANCE_MS; elapsedMs += 5_000) {
      shell.heartbeat('m1')
      shell.heartbeat('m3')
      shell.pass(5_000)
    }
    expect(shell.refused(second).code).toBe('rebalance_in_progress')
    expect(shell.group.state).toBe('preparing_rebalance')
    expect([...shell.group.members.keys()]).toEqual(['m2'])
    expect(shell.joined(shell.join({ memberId: 'm2' }))).toMatchObject({ leader: 'm2' })
  })

  test('responds to the parked sync of a member that leaves', () => {
    const shell = completing(2)
    const second = shell.sync({ memberId: 'm2' })
    shell.leave({ memberId: 'm2' })
    expect(shell.refused(second).code).toBe('unknown_member_id')
  })

  test('refuses an assignment that does not fit into the row', () => {
    const shell = completing(1)
    const assignment = new Uint8Array(CLASSIC_METADATA_BYTES_MAX)
    const ticket = shell.sync({ memberId: 'm1', assignments: [{ memberId: 'm1', assignment }] })
    expect(shell.refused(ticket).code).toBe('invalid_request')
    expect(shell.group.state).toBe('completing_rebalance')
  })
})

describe('a stable group', () => {
  test('responds to syncs, heartbeats and commits', () => {
    const shell = stable(2)
    expect(text(shell.synced(shell.sync({ memberId: 'm2' })).assignment)).toBe('for m2')
    expect(shell.heartbeat('m2')).toEqual({ ok: null })
    expect(codeOf(() => shell.commit('m2'))).toBe('none')
  })

  test('responds to the join of a follower that changes nothing', () => {
    const shell = stable(2)
    const ticket = shell.join({ memberId: 'm2' })
    expect(shell.joined(ticket)).toMatchObject({
      generation: 1,
      leader: 'm1',
      skipAssignment: false,
      members: [],
    })
    expect(shell.group.state).toBe('stable')
  })

  test.each([
    ['its leader joins', (shell: ClassicShell) => shell.join({ memberId: 'm1' })],
    [
      'a changed follower joins',
      (shell: ClassicShell) => shell.join({ memberId: 'm2', protocols: OTHER }),
    ],
    ['a new member joins', (shell: ClassicShell) => shell.join()],
    ['a member leaves', (shell: ClassicShell) => shell.leave({ memberId: 'm2' })],
    ['a member dies', (shell: ClassicShell) => shell.pass(SESSION_MS - 1)],
  ])('rebalances when %s', (_, happen) => {
    const shell = stable(2)
    shell.pass(1)
    shell.heartbeat('m1')
    happen(shell)
    expect(shell.group).toMatchObject({ state: 'preparing_rebalance', generation: 1 })
  })

  test.each([
    ['heartbeat', (shell: ClassicShell) => shell.heartbeat('m2')],
    ['commit', (shell: ClassicShell) => shell.commit('m2')],
    ['sync', (shell: ClassicShell) => shell.sync({ memberId: 'm2' })],
    ['join', (shell: ClassicShell) => shell.join({ memberId: 'm2' })],
  ])('extends the session of a member after %s', (_, call) => {
    const shell = stable(2)
    for (let calls = 0; calls < 4; calls++) {
      shell.pass(SESSION_MS - 1)
      shell.heartbeat('m1')
      call(shell)
    }
    expect(shell.group.state).toBe('stable')
    shell.pass(SESSION_MS)
    expect(shell.group).toMatchObject({ state: 'empty', generation: 2, leader: null })
  })

  test('removes members that joined and never sync', () => {
    const shell = completing(2)
    shell.sync({ memberId: 'm1' })
    for (let elapsedMs = 0; elapsedMs < REBALANCE_MS; elapsedMs += 5_000) {
      expect(shell.group.state).toBe('stable')
      shell.heartbeat('m1')
      shell.heartbeat('m2')
      shell.pass(5_000)
    }
    expect(shell.group.state).toBe('preparing_rebalance')
    expect([...shell.group.members.keys()]).toEqual(['m1'])
  })

  test('is empty after all members have left, and continues with the next generation', () => {
    const shell = stable(2)
    const results = shell.leave({ memberId: 'm1' }, { memberId: 'm2' }, { memberId: 'm2' })
    expect(results.map(({ error }) => error)).toEqual([null, null, 'unknown_member_id'])
    expect(shell.group).toMatchObject({ state: 'empty', generation: 2, protocolName: null })
    const ticket = shell.join({ protocolType: 'connect' })
    shell.pass(INITIAL_REBALANCE_DELAY_MS)
    expect(shell.joined(ticket)).toMatchObject({ generation: 3, protocolType: 'connect' })
  })
})

test('an unknown instance id never matches a member', () => {
  const shell = stable(1)
  const other = { instanceId: 'i' }
  expect(codeOf(() => shell.heartbeat('m1', other))).toBe('unknown_member_id')
  expect(codeOf(() => shell.commit('m1', other))).toBe('unknown_member_id')
  expect(shell.refused(shell.join({ memberId: 'm1', ...other })).code).toBe('unknown_member_id')
})

describe('an outdated request', () => {
  test.each([-1, 0, 2])(
    'is refused with generation %d in syncs, commits and heartbeats',
    (generation) => {
      const shell = stable(1)
      const ticket = shell.sync({ memberId: 'm1', generation })
      expect(shell.refused(ticket).code).toBe('illegal_generation')
      expect(codeOf(() => shell.commit('m1', { epoch: generation }))).toBe('illegal_generation')
      expect(codeOf(() => shell.heartbeat('m1', { generation }))).toBe('illegal_generation')
    },
  )

  test('is refused if it assigns for a newer generation', () => {
    const shell = preparing(2)
    shell.join({ memberId: 'm2' })
    const assignments = assignmentsOf(shell)
    const ticket = shell.sync({ memberId: 'm1', generation: 1, assignments })
    expect(shell.refused(ticket).code).toBe('illegal_generation')
    expect(shell.group.state).toBe('completing_rebalance')
  })

  test.each([{ protocolType: 'connect' }, { protocolName: 'sticky' }])(
    'is refused in a sync with another protocol: %j',
    (other) => {
      const shell = stable(1)
      const ticket = shell.sync({ memberId: 'm1', ...other })
      expect(shell.refused(ticket).code).toBe('inconsistent_group_protocol')
    },
  )
})
