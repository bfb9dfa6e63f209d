/** Tests which members may join, with which id and protocol; and static members. */
import { describe, expect, test } from 'vitest'
import { EMPTY_CLASSIC_GROUP } from '../../../../src/core/group/classic/classic-group.ts'
import { decideJoin } from '../../../../src/core/group/classic/classic-join.ts'
import type { JoinGroupRequest } from '../../../../src/core/group/classic-api.ts'
import {
  CLASSIC_GROUP_BYTES_MAX,
  CLASSIC_METADATA_BYTES_MAX,
  CLASSIC_PROTOCOLS_MAX,
  GROUP_MEMBERS_MAX,
  INITIAL_REBALANCE_DELAY_MS,
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
} from '../../../../src/core/limits.ts'
import { bytes, ClassicShell, joinRequest, SESSION_MS, text } from './classic-shell.ts'

const AS_V4 = { requiresKnownMemberId: true }

function offer(...names: string[]): Pick<JoinGroupRequest, 'protocols'> {
  return { protocols: names.map((name) => ({ name, metadata: bytes(`as ${name}`) })) }
}

/** Returns a stable group of the members of these join requests; the first one leads. */
function stable(...requests: Array<Partial<JoinGroupRequest>>): ClassicShell {
  const shell = new ClassicShell()
  for (const request of requests) shell.join(request)
  shell.pass(2 * INITIAL_REBALANCE_DELAY_MS)
  const memberIds = [...shell.group.members.keys()]
  for (const memberId of memberIds.slice(1)) shell.sync({ memberId })
  const assignments = memberIds.map((memberId) => ({
    memberId,
    assignment: bytes(`for ${memberId}`),
  }))
  shell.sync({ memberId: 'm1', assignments })
  expect(shell.group.state).toBe('stable')
  return shell
}

describe('a join', () => {
  test.each([
    ['a session that is too short', { sessionTimeoutMs: SESSION_TIMEOUT_MS_MIN - 1 }],
    ['a session that is too long', { sessionTimeoutMs: SESSION_TIMEOUT_MS_MAX + 1 }],
    ['a session that is not a number', { sessionTimeoutMs: Number.NaN }],
  ])('is refused with %s', (_, request) => {
    const shell = new ClassicShell()
    expect(shell.refused(shell.join(request)).code).toBe('invalid_session_timeout')
    expect(shell.group.state).toBe('empty')
  })

  test.each([SESSION_TIMEOUT_MS_MIN, SESSION_TIMEOUT_MS_MAX])(
    'is accepted with a session of %d ms',
    (sessionTimeoutMs) => {
      const shell = new ClassicShell()
      expect(shell.isParked(shell.join({ sessionTimeoutMs }))).toBe(true)
    },
  )

  test.each([
    ['no protocol type', { protocolType: '' }],
    ['no protocol', { protocols: [] }],
  ])('is refused with %s', (_, request) => {
    const shell = new ClassicShell()
    expect(shell.refused(shell.join(request)).code).toBe('inconsistent_group_protocol')
  })

  test.each([
    ['another protocol type', { protocolType: 'connect' }],
    ['no protocol in common', offer('sticky')],
  ])('is refused by a group that has members, with %s', (_, request) => {
    for (const version of [AS_V4, { instanceId: 'i' }, {}]) {
      const shell = stable({}, {})
      const ticket = shell.join({ ...request, ...version })
      expect(shell.refused(ticket).code).toBe('inconsistent_group_protocol')
      expect(shell.group.state).toBe('stable')
    }
  })

  test('is refused if the member would leave no common protocol, except in a group where it is alone', () => {
    const both = stable(offer('range', 'sticky'), offer('range'))
    const ticket = both.join({ memberId: 'm1', ...offer('sticky') })
    expect(both.refused(ticket).code).toBe('inconsistent_group_protocol')
    const alone = stable(offer('range'))
    expect(alone.joined(alone.join({ memberId: 'm1', ...offer('sticky') }))).toMatchObject({
      generation: 2,
      protocolName: 'sticky',
    })
  })

  test('is refused with too many protocols, or too large ones', () => {
    const shell = new ClassicShell()
    const many = offer(...Array.from({ length: CLASSIC_PROTOCOLS_MAX + 1 }, (_, i) => `p${i}`))
    expect(shell.refused(shell.join(many)).code).toBe('invalid_request')
    const metadata = new Uint8Array(CLASSIC_METADATA_BYTES_MAX)
    const large = { protocols: [{ name: 'range', metadata }] }
    expect(shell.refused(shell.join(large)).code).toBe('invalid_request')
    const fitting = { protocols: [{ name: 'range', metadata: metadata.subarray(5) }] }
    expect(shell.isParked(shell.join(fitting))).toBe(true)
  })

  test('is refused if the metadata would be too large to send to the leader', () => {
    const shell = new ClassicShell()
    const metadata = new Uint8Array(CLASSIC_METADATA_BYTES_MAX - 5)
    const large = { protocols: [{ name: 'range', metadata }] }
    const count = CLASSIC_GROUP_BYTES_MAX / CLASSIC_METADATA_BYTES_MAX
    for (let member = 0; member < count; member++) {
      expect(shell.isParked(shell.join(large))).toBe(true)
    }
    expect(shell.refused(shell.join()).code).toBe('group_max_size_reached')
  })

  test('is refused by a full group, except for a member or a reserved id', () => {
    let group = EMPTY_CLASSIC_GROUP
    let ticket = 0
    const join = (changes: Partial<JoinGroupRequest>) => {
      const facts = { nowMs: 0, ticket: ++ticket, newMemberId: `m${ticket}` }
      const step = decideJoin(group, joinRequest(changes), facts)
      group = step.group
      const own = step.responses.find((response) => response.ticket === ticket)?.response
      return own === undefined ? 'parked' : 'error' in own ? own.error.code : 'joined'
    }
    for (let member = 2; member < GROUP_MEMBERS_MAX; member++) join({})
    expect(join({ instanceId: 'i' })).toBe('parked')
    expect(join(AS_V4)).toBe('member_id_required')
    const reserved = `m${ticket}`
    expect(join({})).toBe('group_max_size_reached')
    expect(join(AS_V4)).toBe('group_max_size_reached')
    expect(join({ instanceId: 'j' })).toBe('group_max_size_reached')
    expect(join({ instanceId: 'i' })).toBe('parked')
    expect(join({ memberId: 'm1' })).toBe('parked')
    expect(join({ memberId: reserved, ...AS_V4 })).toBe('parked')
    expect(group.members.size).toBe(GROUP_MEMBERS_MAX)
  })

  test('is refused with an id that the group has not assigned', () => {
    const shell = stable({})
    expect(shell.refused(shell.join({ memberId: 'm9' })).code).toBe('unknown_member_id')
  })
})

describe('a reserved member id', () => {
  test('is sent with the error, and joins', () => {
    const shell = new ClassicShell()
    const refused = shell.refused(shell.join(AS_V4))
    expect(refused).toMatchObject({ code: 'member_id_required', details: { memberId: 'm1' } })
    expect(shell.group.state).toBe('empty')
    const ticket = shell.join({ memberId: 'm1', ...AS_V4 })
    shell.pass(INITIAL_REBALANCE_DELAY_MS)
    expect(shell.joined(ticket)).toMatchObject({ memberId: 'm1', generation: 1 })
  })

  test('expires after the session time-out', () => {
    const shell = new ClassicShell()
    shell.join(AS_V4)
    shell.pass(SESSION_MS)
    expect(shell.group.reserved.size).toBe(0)
    expect(shell.refused(shell.join({ memberId: 'm1' })).code).toBe('unknown_member_id')
  })

  test('is not a member', () => {
    const shell = stable({})
    shell.join(AS_V4)
    expect(shell.group.state).toBe('stable')
    expect(() => shell.heartbeat('m2')).toThrow('m2 is not a member')
    expect(shell.refused(shell.sync({ memberId: 'm2' })).code).toBe('unknown_member_id')
  })

  test.each([
    ['joins', (shell: ClassicShell) => shell.join({ memberId: 'm2' })],
    ['leaves', (shell: ClassicShell) => shell.leave({ memberId: 'm2' })],
    ['is silent', (shell: ClassicShell) => shell.pass(SESSION_MS)],
  ])('delays a rebalance until it %s', (_, happen) => {
    const shell = stable({})
    shell.join(AS_V4)
    const ticket = shell.join({ memberId: 'm1' })
    expect(shell.isParked(ticket)).toBe(true)
    happen(shell)
    expect(shell.joined(ticket).generation).toBe(2)
  })

  test('is not needed by a static member', () => {
    const shell = new ClassicShell()
    expect(shell.isParked(shell.join({ instanceId: 'i', ...AS_V4 }))).toBe(true)
  })
})

describe('the protocol of a generation', () => {
  test.each([
    [['a', 'b'], ['a', 'b'], ['b', 'a'], 'a'],
    [['a', 'b'], ['b', 'a'], ['b', 'a'], 'b'],
    [['a', 'b', 'c'], ['c', 'b'], ['c', 'b'], 'c'],
    [['x', 'b'], ['y', 'b'], ['z', 'b'], 'b'],
    [['a', 'b'], ['b', 'a'], ['a', 'b'], 'a'],
  ])('is, for offers of %j, %j and %j, %s', (one, two, three, protocolName) => {
    const shell = new ClassicShell()
    const ticket = shell.join(offer(...one))
    shell.join(offer(...two))
    shell.join(offer(...three))
    shell.pass(2 * INITIAL_REBALANCE_DELAY_MS)
    const response = shell.joined(ticket)
    expect(response.protocolName).toBe(protocolName)
    expect(response.members.map(({ metadata }) => text(metadata))).toEqual(
      Array.from({ length: 3 }, () => `as ${protocolName}`),
    )
  })

  test('is in a tie the one that was voted for first', () => {
    const shell = new ClassicShell()
    const ticket = shell.join(offer('b', 'a'))
    shell.join(offer('a', 'b'))
    shell.pass(2 * INITIAL_REBALANCE_DELAY_MS)
    expect(shell.joined(ticket).protocolName).toBe('b')
  })
})

describe('a static member that returns', () => {
  const follower = { instanceId: 'i' }

  test('takes over its assignment without a rebalance, and fences its former id', () => {
    const shell = stable({}, follower, {})
    const ticket = shell.join(follower)
    expect(shell.joined(ticket)).toMatchObject({
      generation: 1,
      leader: 'm1',
      skipAssignment: false,
      memberId: 'm4',
      members: [],
    })
    expect(shell.group.state).toBe('stable')
    expect([...shell.group.members.keys()]).toEqual(['m1', 'm4', 'm3'])
    expect(text(shell.synced(shell.sync({ memberId: 'm4' })).assignment)).toBe('for m2')

    const old = { memberId: 'm2', ...follower }
    expect(shell.refused(shell.sync(old)).code).toBe('fenced_instance_id')
    expect(shell.refused(shell.join(old)).code).toBe('fenced_instance_id')
    expect(() => shell.heartbeat('m2', follower)).toThrow('instanceId: i belongs')
    expect(() => shell.commit('m2', follower)).toThrow('instanceId: i belongs')
    expect(() => shell.heartbeat('m2')).toThrow('m2 is not a member')
    expect(shell.leave(old)[0]?.error).toBe('fenced_instance_id')
  })

  test('is sent skipAssignment and all members if it leads', () => {
    const shell = stable({ instanceId: 'i' }, {})
    const response = shell.joined(shell.join({ instanceId: 'i' }))
    expect(response).toMatchObject({ leader: 'm3', memberId: 'm3', skipAssignment: true })
    expect(response.members.map(({ memberId }) => memberId)).toEqual(['m3', 'm2'])
    expect(shell.group.leader).toBe('m3')
  })

  test('receives its former id as the leader if it leads and cannot skip', () => {
    const shell = stable({ instanceId: 'i' }, {})
    const ticket = shell.join({ instanceId: 'i', supportsSkippingAssignment: false })
    expect(shell.joined(ticket)).toMatchObject({
      leader: 'm1',
      memberId: 'm3',
      skipAssignment: false,
      members: [],
    })
    expect(text(shell.synced(shell.sync({ memberId: 'm3' })).assignment)).toBe('for m1')
  })

  test('causes a rebalance if the protocol would change', () => {
    const shell = stable(offer('a', 'b'), { ...follower, ...offer('a', 'b') })
    const ticket = shell.join({ ...follower, ...offer('b') })
    expect(shell.isParked(ticket)).toBe(true)
    shell.join({ memberId: 'm1', ...offer('a', 'b') })
    expect(shell.joined(ticket)).toMatchObject({ generation: 2, protocolName: 'b' })
  })

  test('causes a rebalance if its new offer and its assignment do not fit into one row', () => {
    const shell = stable({}, follower)
    const metadata = new Uint8Array(CLASSIC_METADATA_BYTES_MAX - 5)
    const ticket = shell.join({ ...follower, protocols: [{ name: 'range', metadata }] })
    expect(shell.isParked(ticket)).toBe(true)
  })

  test('causes a rebalance while the leader assigns', () => {
    const shell = new ClassicShell()
    for (const request of [{}, follower, {}]) shell.join(request)
    shell.pass(2 * INITIAL_REBALANCE_DELAY_MS)
    const old = shell.sync({ memberId: 'm2', ...follower })
    const other = shell.sync({ memberId: 'm3' })
    const ticket = shell.join(follower)
    expect(shell.refused(old).code).toBe('fenced_instance_id')
    expect(shell.refused(other).code).toBe('rebalance_in_progress')
    expect(shell.isParked(ticket)).toBe(true)
    expect(shell.group.state).toBe('preparing_rebalance')
  })

  test('leaves the next generation no assignment of the previous one', () => {
    const shell = stable({}, follower)
    shell.join({ memberId: 'm1' })
    shell.join(follower)
    const kept = [...shell.group.members.values()].map(({ assignment }) => text(assignment))
    expect(kept).toEqual(['for m1', ''])
  })

  test('is refused if it has no protocol in common with the others', () => {
    const shell = stable({}, follower)
    const ticket = shell.join({ ...follower, ...offer('sticky') })
    expect(shell.refused(ticket).code).toBe('inconsistent_group_protocol')
    expect(shell.heartbeat('m2', follower)).toEqual({ ok: null })
  })

  test('has to sync in time if its former id had not', () => {
    const shell = new ClassicShell()
    const short = { rebalanceTimeoutMs: 5_000 }
    shell.join(short)
    shell.join({ ...follower, ...short })
    shell.pass(2 * INITIAL_REBALANCE_DELAY_MS)
    shell.sync({ memberId: 'm1' })
    expect(shell.joined(shell.join({ ...follower, ...short })).memberId).toBe('m3')
    shell.pass(5_000)
    expect([...shell.group.members.keys()]).toEqual(['m1'])
  })

  test('replaces the parked join of its former id', () => {
    const shell = new ClassicShell()
    const old = shell.join(follower)
    const ticket = shell.join(follower)
    expect(shell.refused(old).code).toBe('fenced_instance_id')
    shell.pass(INITIAL_REBALANCE_DELAY_MS)
    expect(shell.joined(ticket)).toMatchObject({ memberId: 'm2', leader: 'm2' })
  })

  test('stays a member in a rebalance that it misses, until its session ends', () => {
    const request = { ...follower, sessionTimeoutMs: 100_000 }
    const shell = stable({ rebalanceTimeoutMs: 10_000 }, { rebalanceTimeoutMs: 10_000, ...request })
    const ticket = shell.join({ memberId: 'm1', rebalanceTimeoutMs: 10_000 })
    shell.pass(10_000)
    expect(shell.joined(ticket).members.map(({ memberId }) => memberId)).toEqual(['m1', 'm2'])
    expect(() => shell.heartbeat('m2', { generation: 1 })).toThrow('generation')
    expect(shell.joined(shell.join({ memberId: 'm2', ...request }))).toMatchObject({
      generation: 2,
    })
  })

  test('does not lead again after another member does', () => {
    const short = { rebalanceTimeoutMs: 5_000 }
    const changed = { ...short, ...offer('range', 'sticky') }
    const shell = stable({ instanceId: 'i', ...short }, short)
    shell.join({ memberId: 'm2', ...changed })
    shell.pass(5_000)
    expect(shell.group).toMatchObject({ state: 'completing_rebalance', leader: 'm2' })
    shell.join({ memberId: 'm1', instanceId: 'i', ...changed })
    const response = shell.joined(shell.join({ memberId: 'm2', ...changed }))
    expect(response).toMatchObject({ generation: 3, leader: 'm2' })
    expect(response.members.map(({ memberId }) => memberId)).toEqual(['m1', 'm2'])
  })

  test('is awaited even if the rebalance time-out is zero', () => {
    const hasty = { rebalanceTimeoutMs: 0 }
    const shell = new ClassicShell()
    shell.join({ ...follower, ...hasty })
    shell.pass(INITIAL_REBALANCE_DELAY_MS)
    shell.sync({ memberId: 'm1' })
    shell.join(hasty)
    shell.evict()
    shell.pass(10)
    expect(shell.group).toMatchObject({ state: 'preparing_rebalance', generation: 1 })
    expect([...shell.group.members.keys()]).toEqual(['m1'])
  })

  test('is awaited if no other member is left to lead', () => {
    const request = { ...follower, rebalanceTimeoutMs: 20_000, sessionTimeoutMs: 50_000 }
    const shell = stable(request, { rebalanceTimeoutMs: 20_000 })
    shell.leave({ memberId: 'm2' })
    shell.pass(21_000)
    expect(shell.group).toMatchObject({ state: 'preparing_rebalance', generation: 1 })
    expect(shell.joined(shell.join(request))).toMatchObject({ generation: 2, leader: 'm3' })
  })
})

describe('a static member that leaves', () => {
  test.each([
    ['by both ids', { memberId: 'm2', instanceId: 'i' }, null],
    ['by its instance id alone', { instanceId: 'i' }, null],
    ['by its member id alone', { memberId: 'm2' }, null],
    ['by an unknown instance id', { instanceId: 'j' }, 'unknown_member_id'],
    [
      'by the member id of another member',
      { memberId: 'm1', instanceId: 'i' },
      'fenced_instance_id',
    ],
    ['by no id', {}, 'unknown_member_id'],
  ])('gets its result if it is named %s: %j', (_, leaving, error) => {
    const shell = stable({}, { instanceId: 'i' })
    expect(shell.leave(leaving)).toEqual([{ memberId: '', instanceId: null, ...leaving, error }])
    expect(shell.group.members.has('m2')).toBe(error !== null)
    expect(shell.group.state).toBe(error === null ? 'preparing_rebalance' : 'stable')
  })
})
