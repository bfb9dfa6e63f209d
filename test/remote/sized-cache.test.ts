import { expect, test } from 'vitest'
import { SizedCache } from '../../src/remote/sized-cache.ts'

test('keeps what was used last within its bytes', () => {
  const cache = new SizedCache<string>(10)
  cache.set('a', 'A', 4)
  cache.set('b', 'B', 4)
  expect(cache.get('a')).toBe('A')
  cache.set('c', 'C', 4)
  expect(['a', 'b', 'c'].map((key) => cache.get(key))).toEqual(['A', undefined, 'C'])
})

test('counts the bytes of a value that is replaced or deleted once', () => {
  const cache = new SizedCache<string>(10)
  for (let index = 0; index < 5; index++) cache.set('a', String(index), 6)
  cache.set('b', 'B', 4)
  expect([cache.get('a'), cache.get('b')]).toEqual(['4', 'B'])
  cache.delete('a')
  cache.delete('a')
  cache.set('c', 'C', 6)
  expect([cache.get('b'), cache.get('c')]).toEqual(['B', 'C'])
})

test('does not keep a value that is larger than all its bytes', () => {
  const cache = new SizedCache<string>(10)
  cache.set('a', 'A', 4)
  cache.set('b', 'B', 11)
  expect([cache.get('a'), cache.get('b')]).toEqual(['A', undefined])
})
