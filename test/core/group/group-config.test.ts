/** Tests the configs of a group: their allowed values, and their effect on heartbeats. */
import { describe, expect, test } from 'vitest'
import { ConsumerGroup } from '../../../src/core/group/consumer/consumer-group.ts'
import { decideHeartbeat } from '../../../src/core/group/consumer/heartbeat.ts'
import type { HeartbeatRequest } from '../../../src/core/group/group-api.ts'
import {
  changedGroupConfig,
  type GroupConfigOverrides,
  groupTimes,
  parseGroupConfig,
} from '../../../src/core/group/group-config.ts'
import { TopicDirectory } from '../../../src/core/group/topic-directory.ts'
import { request } from './consumer/consumer-world.ts'

const HEARTBEAT = 'consumer.heartbeat.interval.ms'
const SESSION = 'consumer.session.timeout.ms'
const ASSIGNMENT = 'consumer.assignment.interval.ms'

describe('parseGroupConfig()', () => {
  test.each([
    [HEARTBEAT, '5000', 5_000],
    [HEARTBEAT, ' 15000 ', 15_000],
    [SESSION, '45000', 45_000],
    [SESSION, '60000', 60_000],
    [ASSIGNMENT, '0', 0],
    [ASSIGNMENT, '15000', 15_000],
  ])('accepts %s of "%s"', (name, text, value) => {
    expect(parseGroupConfig(name, text)).toEqual({ [name]: value })
  })

  test.each([
    [HEARTBEAT, '4999', /from 5000 to 15000 is needed, got "4999"/],
    [HEARTBEAT, '15001', /from 5000 to 15000/],
    [HEARTBEAT, 'soon', /got "soon"/],
    [HEARTBEAT, '', /a whole number/],
    [HEARTBEAT, '6000.5', /a whole number/],
    [HEARTBEAT, '1e4', /a whole number/],
    [SESSION, '44999', /from 45000 to 60000/],
    [SESSION, '60001', /from 45000 to 60000/],
    [ASSIGNMENT, '-1', /from 0 to 15000/],
    ['share.session.timeout.ms', '46000', /unknown config "share.session.timeout.ms"/],
    ['__proto__', '1', /unknown config/],
  ])('refuses %s of "%s"', (name, text, message) => {
    expect(() => parseGroupConfig(name, text)).toThrow(
      expect.objectContaining({
        code: 'invalid_config',
        message: expect.stringMatching(message),
      }),
    )
  })
})

test('changedGroupConfig() keeps configs that the change does not name, unless it resets the others', () => {
  const before = { [HEARTBEAT]: 6_000, [SESSION]: 50_000 }
  const overrides = { [HEARTBEAT]: null, [ASSIGNMENT]: 5 }
  expect(changedGroupConfig(before, { overrides })).toEqual({ [SESSION]: 50_000, [ASSIGNMENT]: 5 })
  const reset = changedGroupConfig(before, { overrides, resetsOthers: true })
  expect(reset).toEqual({ [ASSIGNMENT]: 5 })
})

/** Returns a group with these configs, whose members send heartbeats one after the other. */
function groupWith(overrides: GroupConfigOverrides) {
  const group = new ConsumerGroup()
  const topics = new TopicDirectory([{ id: crypto.randomUUID(), name: 'orders', partitions: 4 }])
  let lastAssignedAtMs = Number.NEGATIVE_INFINITY
  const beat = (nowMs: number, changes: Partial<HeartbeatRequest>) => {
    const time = { nowMs, lastAssignedAtMs }
    const sent = request({ topics: ['orders'], ...changes })
    const { change, result } = decideHeartbeat(group, topics, sent, time, groupTimes(overrides))
    if (change !== null) {
      if (change.assignmentEpoch > group.assignmentEpoch) lastAssignedAtMs = nowMs
      group.apply(change)
    }
    return result
  }
  return { group, beat }
}

test.each([
  ['without configs', {}, undefined, 5_000],
  ['with an interval', { [HEARTBEAT]: 15_000 }, undefined, 15_000],
  // A member with a short session of its own would be removed between two heartbeats.
  ['with an interval, for a member with its own session', { [HEARTBEAT]: 15_000 }, 10_000, 2_000],
  ['without configs, for a member with its own session', {}, 10_000, 2_000],
])(
  'a group %s returns when the next heartbeat is due',
  (_, overrides, sessionTimeoutMs, wanted) => {
    const { beat } = groupWith(overrides)
    const own = sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }
    const result = beat(0, { memberId: 'one', ...own })
    expect(result.memberEpoch).toBe(1)
    expect(result.heartbeatIntervalMs).toBe(wanted)
  },
)

test('a group with an assignment interval makes no assignment earlier', () => {
  const { group, beat } = groupWith({ [ASSIGNMENT]: 10_000 })
  beat(0, { memberId: 'one' })
  beat(9_999, { memberId: 'two' })
  expect(group.assignmentEpoch).toBe(1)
  const stillWaiting = beat(9_999, { memberId: 'one', memberEpoch: 1 })
  expect(stillWaiting.heartbeatIntervalMs).toBeLessThan(5_000)
  beat(10_000, { memberId: 'one', memberEpoch: 1 })
  expect(group.assignmentEpoch).toBe(2)
})

test('a small group without an assignment interval assigns at once', () => {
  const { group, beat } = groupWith({})
  beat(0, { memberId: 'one' })
  beat(20, { memberId: 'two' })
  expect(group.assignmentEpoch).toBe(2)
})
