/** Tests the stored form of a group, and how the group continues from it. */
import { describe, expect, test } from 'vitest'
import { EMPTY_CLASSIC_GROUP } from '../../../../src/core/group/classic/classic-group.ts'
import {
  decodeClassicGroup,
  encodeClassicChanges,
} from '../../../../src/core/group/classic/classic-rows.ts'
import { nextDeadlineMs } from '../../../../src/core/group/classic/classic-time.ts'
import { INITIAL_REBALANCE_DELAY_MS } from '../../../../src/core/limits.ts'
import { bytes, ClassicShell, REBALANCE_MS, SESSION_MS, text } from './classic-shell.ts'

function completing(): ClassicShell {
  const shell = new ClassicShell()
  shell.join()
  shell.join({ instanceId: 'i' })
  shell.pass(2 * INITIAL_REBALANCE_DELAY_MS)
  return shell
}

function assignTo(shell: ClassicShell, suffix = ''): number {
  const assignments = ['m1', 'm2'].map((memberId) => ({
    memberId,
    assignment: bytes(`for ${memberId}${suffix}`),
  }))
  return shell.sync({ memberId: 'm1', assignments })
}

function stable(): ClassicShell {
  const shell = completing()
  assignTo(shell)
  shell.sync({ memberId: 'm2' })
  return shell
}

test('decodeClassicGroup() restores the encoded group, for any order of the rows', () => {
  const { group, nowMs } = stable()
  const rows = encodeClassicChanges(EMPTY_CLASSIC_GROUP, group)
  const { header, changed: members } = JSON.parse(JSON.stringify(rows))
  const decoded = decodeClassicGroup({ header, members: members.reverse() }, nowMs)
  expect(decoded).toMatchObject({
    ...{ state: 'stable', generation: 1, protocolType: 'consumer', protocolName: 'range' },
    leader: 'm1',
  })
  expect([...decoded.members]).toEqual([...group.members])
  expect(decoded.instances).toEqual(group.instances)
  expect(nextDeadlineMs(decoded)).toBe(nowMs + SESSION_MS)
})

describe('the stored change of a step', () => {
  test('contains the new member, and the state of a group that prepares', () => {
    const shell = stable()
    const before = shell.group
    shell.join()
    const { header, changed, removed } = encodeClassicChanges(before, shell.group)
    expect(header?.state).toBe('preparing_rebalance')
    expect(changed.map(({ memberId }) => memberId)).toEqual(['m3'])
    expect(removed).toEqual([])
  })

  test('contains no member that rejoins unchanged', () => {
    const shell = stable()
    const before = shell.group
    shell.join({ memberId: 'm1' })
    shell.join({ memberId: 'm2', instanceId: 'i' })
    const { header, changed } = encodeClassicChanges(before, shell.group)
    expect(header).toMatchObject({ state: 'completing_rebalance', generation: 2 })
    expect(changed).toEqual([])
  })

  test('contains only the members whose assignment has changed', () => {
    const shell = stable()
    shell.join({ memberId: 'm1' })
    shell.join({ memberId: 'm2', instanceId: 'i' })
    const before = shell.group
    const assignments = [
      { memberId: 'm1', assignment: bytes('for m1') },
      { memberId: 'm2', assignment: bytes('something new') },
    ]
    shell.sync({ memberId: 'm1', assignments })
    const { header, changed } = encodeClassicChanges(before, shell.group)
    expect(header?.state).toBe('stable')
    expect(changed.map(({ memberId }) => memberId)).toEqual(['m2'])
  })

  test('contains the members that left, and those that replaced them', () => {
    const shell = stable()
    const before = shell.group
    shell.join({ instanceId: 'i' })
    const replaced = encodeClassicChanges(before, shell.group)
    expect(replaced).toMatchObject({ header: null, removed: ['m2'] })
    expect(replaced.changed.map(({ memberId }) => memberId)).toEqual(['m3'])
  })

  test('contains the new id of a static leader', () => {
    const shell = new ClassicShell()
    shell.join({ instanceId: 'i' })
    shell.pass(INITIAL_REBALANCE_DELAY_MS)
    shell.sync({ memberId: 'm1' })
    shell.join({ instanceId: 'i' })
    expect(shell.group).toMatchObject({ state: 'stable', leader: 'm2' })
    shell.evict()
    expect(shell.group.leader).toBe('m2')
  })

  test('contains a generation that follows at once on another', () => {
    const shell = new ClassicShell()
    shell.join()
    shell.pass(INITIAL_REBALANCE_DELAY_MS)
    shell.join({ memberId: 'm1', protocols: [{ name: 'range', metadata: bytes('others') }] })
    expect(shell.group).toMatchObject({ state: 'completing_rebalance', generation: 2 })
    shell.evict()
    expect(shell.group.generation).toBe(2)
  })

  test('contains nothing for a follower that gets an immediate response, a reservation, or the passage of time', () => {
    const shell = stable()
    const before = shell.group
    shell.join({ memberId: 'm2', instanceId: 'i' })
    shell.join({ requiresKnownMemberId: true })
    shell.pass(SESSION_MS - 1)
    expect(encodeClassicChanges(before, shell.group)).toEqual({
      ...{ header: null, changed: [], removed: [] },
    })
  })
})

describe('an evicted group', () => {
  test('is stable if it was stable', () => {
    const shell = stable()
    shell.pass(SESSION_MS - 1)
    shell.evict()
    shell.pass(SESSION_MS - 1)
    expect(shell.heartbeat('m1')).toEqual({ ok: null })
    expect(text(shell.synced(shell.sync({ memberId: 'm2' })).assignment)).toBe('for m2')
    shell.pass(SESSION_MS)
    expect(shell.group).toMatchObject({ state: 'empty', generation: 2 })
  })

  test('waits for all its members again if it was preparing', () => {
    const shell = stable()
    const lost = shell.join({ memberId: 'm1' })
    shell.evict()
    expect(shell.isParked(lost)).toBe(false)
    expect(shell.heartbeat('m2')).toMatchObject({ error: { code: 'rebalance_in_progress' } })
    shell.join({ memberId: 'm2', instanceId: 'i' })
    expect(shell.group.state).toBe('preparing_rebalance')
    expect(shell.joined(shell.join({ memberId: 'm1' }))).toMatchObject({ generation: 2 })
  })

  test('remembers which members have left if it was preparing', () => {
    const shell = stable()
    shell.leave({ memberId: 'm1' })
    shell.evict()
    expect([...shell.group.members.keys()]).toEqual(['m2'])
    expect(shell.heartbeat('m2')).toMatchObject({ error: { code: 'rebalance_in_progress' } })
  })

  test('is not held up longer than a session by a member that never received its id', () => {
    const shell = new ClassicShell()
    shell.join()
    shell.evict()
    const ticket = shell.join()
    shell.pass(SESSION_MS - 1)
    expect(shell.isParked(ticket)).toBe(true)
    shell.pass(1)
    expect(shell.joined(ticket)).toMatchObject({ memberId: 'm2', leader: 'm2', generation: 1 })
  })

  test('gives returning members the whole time again if it was preparing', () => {
    const shell = stable()
    const static2 = { memberId: 'm2', instanceId: 'i' }
    shell.join({ memberId: 'm1' })
    shell.evict()
    const ticket = shell.join({ memberId: 'm1' })
    for (let elapsedMs = 0; elapsedMs < REBALANCE_MS; elapsedMs += 5_000) {
      expect(shell.isParked(ticket)).toBe(true)
      shell.heartbeat(static2.memberId)
      shell.pass(5_000)
    }
    expect(shell.joined(ticket).generation).toBe(2)
  })

  test('does not make a generation again: its leader assigns', () => {
    const shell = completing()
    shell.evict()
    const second = shell.sync({ memberId: 'm2' })
    expect(shell.isParked(second)).toBe(true)
    expect(shell.joined(shell.join({ memberId: 'm1' }))).toMatchObject({ generation: 1 })
    assignTo(shell)
    expect(text(shell.synced(second).assignment)).toBe('for m2')
  })

  test('removes a leader that does not return', () => {
    const shell = completing()
    shell.evict()
    const second = shell.sync({ memberId: 'm2' })
    shell.pass(SESSION_MS)
    expect(shell.refused(second).code).toBe('rebalance_in_progress')
    expect([...shell.group.members.keys()]).toEqual(['m2'])
  })

  test('loses reserved ids', () => {
    const shell = new ClassicShell()
    shell.join({ requiresKnownMemberId: true })
    shell.evict()
    expect(shell.refused(shell.join({ memberId: 'm1' })).code).toBe('unknown_member_id')
  })

  test('keeps its generation if it was empty', () => {
    const shell = stable()
    shell.leave({ memberId: 'm1' }, { memberId: 'm2' })
    shell.evict()
    expect(shell.group).toMatchObject({ state: 'empty', generation: 2 })
    expect(nextDeadlineMs(shell.group)).toBeNull()
  })
})
