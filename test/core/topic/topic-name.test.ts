import { describe, expect, test } from 'vitest'
import { EdgelogError } from '../../../src/core/errors.ts'
import { collisionKey, parseTopicName } from '../../../src/core/topic/topic-name.ts'

function refusal(work: () => unknown): EdgelogError {
  try {
    work()
  } catch (error) {
    if (error instanceof EdgelogError) return error
    throw error
  }
  throw new Error('was accepted')
}

describe('parseTopicName()', () => {
  test.each([
    'a',
    'orders',
    'Orders-2026_v1.eu',
    '...',
    '-',
    '_',
    '__consumer_offsets',
    'a'.repeat(249),
  ])('accepts %j', (name) => {
    expect(parseTopicName(name)).toBe(name)
  })

  test.each([
    '',
    '.',
    '..',
    'a b',
    'a/b',
    'é',
    'a\n',
    '\na',
    'a\u0000',
    'a'.repeat(250),
    5,
    null,
    undefined,
    ['a'],
    { name: 'a' },
  ])('refuses %j', (value) => {
    expect(refusal(() => parseTopicName(value)).code).toBe('invalid_topic')
  })

  test('names the field, the allowed values and the given one', () => {
    const { message } = refusal(() => parseTopicName('a b', 'topics[3]'))
    expect(message).toBe(
      'topics[3]: 1 to 249 of the characters a-z A-Z 0-9 . _ - are allowed, but not "." and ".."; got "a b"',
    )
  })

  test('shortens the given value', () => {
    const { message } = refusal(() => parseTopicName(' '.repeat(1_000_000)))
    expect(message.length).toBeLessThan(250)
    expect(message).toContain('(1000000 characters)')
  })

  test.each([
    [{}, 'an object'],
    [[], 'a list'],
    [null, 'null'],
    [undefined, 'undefined'],
    [12, '12'],
  ])('shows %j as %s', (value, shown) => {
    expect(refusal(() => parseTopicName(value)).message).toMatch(new RegExp(`got ${shown}$`))
  })
})

test('collisionKey() is equal for names that differ only by . and _', () => {
  expect(collisionKey(parseTopicName('a.b_c'))).toBe(collisionKey(parseTopicName('a_b.c')))
  expect(collisionKey(parseTopicName('a.b'))).not.toBe(collisionKey(parseTopicName('a-b')))
  expect(collisionKey(parseTopicName('a.b'))).not.toBe(collisionKey(parseTopicName('ab')))
})
