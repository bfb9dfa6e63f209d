import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { EVENT_INTERVAL_MS } from '../../src/core/limits.ts'
import type { ReportedEvent, ServerEvent } from '../../src/events/event.ts'
import { numberSetting } from '../../src/events/number-setting.ts'
import { logEvent, report, setEventSink } from '../../src/events/report.ts'

let nowMs = Date.now()
const lines: Array<Record<string, unknown>> = []

beforeEach(() => {
  vi.spyOn(Date, 'now').mockImplementation(() => nowMs)
  for (const level of ['info', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((line) => {
      lines.push({ console: level, ...JSON.parse(line) })
    })
  }
})

afterEach(() => {
  setEventSink(logEvent)
  lines.length = 0
  vi.restoreAllMocks()
})

const gathered = () => {
  const events: ReportedEvent[] = []
  setEventSink((event) => events.push(event))
  return events
}

test.each<[ServerEvent, string]>([
  [{ type: 'call_failed', error: new Error('full') }, 'error'],
  [{ type: 'topic_not_settled', topic: 'orders', error: new Error('reset') }, 'warn'],
  [{ type: 'group_hint_lost', groupId: 'billing', error: new Error('reset') }, 'info'],
])('logs %o at its level', (event, level) => {
  report(event)
  expect(lines).toEqual([
    expect.objectContaining({ console: level, level, event: event.type, stack: expect.anything() }),
  ])
})

test('reports a cause once per interval, and then the number of its repeats', () => {
  const events = gathered()
  const fail = () => report({ type: 'call_failed', error: new Error('disk is full') })
  for (let index = 0; index < 5; index++) fail()
  expect(events).toMatchObject([{ type: 'call_failed', level: 'error', timeMs: nowMs, repeats: 0 }])
  nowMs += EVENT_INTERVAL_MS
  fail()
  expect(events[1]).toMatchObject({ timeMs: nowMs, repeats: 4 })
})

test.each<[string, ServerEvent, ServerEvent]>([
  [
    'internal errors of the platform',
    { type: 'call_failed', error: new Error('internal error; reference = a1') },
    { type: 'call_failed', error: new Error('internal error; reference = b2') },
  ],
  [
    'hints lost by two groups',
    { type: 'group_hint_lost', groupId: 'a', error: 'reset' },
    { type: 'group_hint_lost', groupId: 'b', error: 'reset' },
  ],
  [
    'objects with the same wrong variable',
    { type: 'setting_invalid', name: 'EDGELOG_X', got: 'many', fallback: 1 },
    { type: 'setting_invalid', name: 'EDGELOG_X', got: 'many', fallback: 1 },
  ],
])('treats %s as one cause', (_, first, second) => {
  const events = gathered()
  report(first)
  report(second)
  expect(events).toEqual([expect.objectContaining(first)])
})

test.each<[string, ServerEvent, ServerEvent]>([
  [
    'two topics',
    { type: 'topic_not_settled', topic: 'a', error: 'reset' },
    { type: 'topic_not_settled', topic: 'b', error: 'reset' },
  ],
  [
    'two objects',
    { type: 'object_stopped', kind: 'partition', name: 'a', error: 'full' },
    { type: 'object_stopped', kind: 'partition', name: 'b', error: 'full' },
  ],
  [
    'two types',
    { type: 'call_failed', error: 'reset' },
    { type: 'kafka_request_failed', error: 'reset' },
  ],
  [
    'each request that ended unexpectedly',
    { type: 'unexpected_error', requestId: '1', method: 'GET', path: '/', error: 'reset' },
    { type: 'unexpected_error', requestId: '2', method: 'GET', path: '/', error: 'reset' },
  ],
])('reports %s separately', (_, first, second) => {
  const events = gathered()
  report(first)
  report(second)
  expect(events).toEqual([expect.objectContaining(first), expect.objectContaining(second)])
})

test('reports to a new sink what the former one has received', () => {
  const error = new Error('full')
  for (let sink = 0; sink < 2; sink++) {
    const events = gathered()
    report({ type: 'call_failed', error })
    expect(events).toHaveLength(1)
  }
})

test('logs the event, and the error of the sink, when the sink throws', () => {
  setEventSink(() => {
    throw new Error('no such data set')
  })
  report({ type: 'call_failed', error: 'first' })
  report({ type: 'call_failed', error: 'second' })
  expect(lines).toMatchObject([
    { event: 'call_failed', message: 'first' },
    { event: 'sink_failed', message: 'no such data set' },
    { event: 'call_failed', message: 'second' },
  ])
})

test.each([
  ['0', 5],
  ['many', 5],
  ['', 5],
  ['11', 5],
  ['10', 10],
])('reads the setting %j as %j', (text, expected) => {
  const events = gathered()
  expect(numberSetting('EDGELOG_Y', text, 5, 10)).toBe(expected)
  const invalid = { type: 'setting_invalid', name: 'EDGELOG_Y', got: text, fallback: 5 }
  expect(events).toEqual(expected === 5 ? [expect.objectContaining(invalid)] : [])
})

test('reports nothing about a setting that is not set', () => {
  const events = gathered()
  expect(numberSetting('EDGELOG_Y', undefined, 5)).toBe(5)
  expect(events).toEqual([])
})
