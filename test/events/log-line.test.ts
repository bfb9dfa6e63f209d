import { expect, test } from 'vitest'
import { EVENT_TEXT_CHARS_MAX } from '../../src/core/limits.ts'
import { EVENT_LEVELS, type ReportedEvent, type ServerEvent } from '../../src/events/event.ts'
import { toLogLine } from '../../src/events/log-line.ts'

function reported(event: ServerEvent, repeats = 0): ReportedEvent {
  return { ...event, level: EVENT_LEVELS[event.type], timeMs: 0, repeats }
}

const parsed = (event: ServerEvent, repeats = 0) => JSON.parse(toLogLine(reported(event, repeats)))

test('writes an event without an error as its fields', () => {
  const event = { type: 'setting_invalid', name: 'EDGELOG_X', got: 'many', fallback: 7 } as const
  expect(toLogLine(reported(event))).toBe(
    '{"time":"1970-01-01T00:00:00.000Z","level":"warn","event":"setting_invalid",' +
      '"name":"EDGELOG_X","got":"many","fallback":7}',
  )
})

test('writes an error as its message, its cause and its stack, with the repeats if there are any', () => {
  const error = new Error('no answer', { cause: new Error('reset') })
  expect(parsed({ type: 'call_failed', error }, 3)).toEqual({
    time: '1970-01-01T00:00:00.000Z',
    level: 'error',
    event: 'call_failed',
    repeats: 3,
    message: 'no answer',
    cause: 'reset',
    stack: error.stack,
  })
})

test.each([
  ['a text', 'down', 'down'],
  ['nothing', undefined, 'undefined'],
  ['an object without a prototype', Object.create(null), 'an error without a text'],
])('writes %s that was thrown as a message', (_, error, message) => {
  const line = parsed({ type: 'call_failed', error })
  expect(line).toEqual(expect.objectContaining({ event: 'call_failed', message }))
  expect(line).not.toHaveProperty('stack')
})

test('writes one line of bounded length, whatever a caller sent', () => {
  const path = `/v1/\n${'x'.repeat(100_000)}`
  const event = {
    type: 'unexpected_error',
    requestId: 'r1',
    method: 'GET',
    path,
    error: new Error(path),
  } as const
  const line = toLogLine(reported(event))
  expect(line).not.toContain('\n')
  expect(line.length).toBeLessThan(4 * EVENT_TEXT_CHARS_MAX)
  expect(JSON.parse(line)).toMatchObject({ requestId: 'r1', method: 'GET' })
})
