import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluationError } from '../../../../src/core/sql/errors.ts'
import { regexpOf } from '../../../../src/core/sql/functions/regexp.ts'
import { runs, SEEDED } from '../../../support/seed.ts'

/** Returns the groups of each match. */
function matches(pattern: string, text: string) {
  return [...regexpOf(pattern).matches(text)].map(({ groups }) => groups)
}

/** Returns undefined if it takes too many steps. */
function attempt<T>(compute: () => T): T | undefined {
  try {
    return compute()
  } catch (error) {
    if (error instanceof EvaluationError) return undefined
    throw error
  }
}

/**
 * Generates patterns that mean the same in Java and in JavaScript: what is repeated matches at least one character, for
 * they differ in what comes after a repeat that matched nothing.
 */
const pattern = fc.letrec<{ node: string; solid: string }>((tie) => {
  const repeat = fc.constantFrom('*', '+', '?', '*?', '+?', '{1,2}', '{2}')
  const pair = (kind: 'node' | 'solid') => fc.tuple(tie(kind), tie(kind))
  return {
    solid: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('a', 'b', 'c', '.', '[ab]', '[^a]', '\\d', '\\w'),
      pair('solid').map(([one, other]) => one + other),
      pair('solid').map(([one, other]) => `(${one}|${other})`),
      fc
        .tuple(tie('solid'), fc.constantFrom('+', '+?', '{2}'))
        .map(([node, sign]) => `(${node})${sign}`),
    ),
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      tie('solid'),
      fc.constantFrom('\\b', '^', '$'),
      pair('node').map(([one, other]) => one + other),
      pair('node').map(([one, other]) => `(${one}|${other})`),
      fc
        .tuple(fc.constantFrom('(?=', '(?!'), tie('node'))
        .map(([begin, node]) => `${begin}${node})`),
      fc.tuple(tie('solid'), repeat).map(([node, sign]) => `(?:${node})${sign}`),
    ),
  }
}).node

describe('regular expressions', () => {
  it('match as those of JavaScript where both have the same syntax', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', ' '), maxLength: 12 })
    const property = fc.property(pattern, text, (source, given) => {
      const expected = [...given.matchAll(new RegExp(source, 'g'))].map(([whole]) => whole)
      // JavaScript forgets groups of earlier repeats, Java keeps them: only wholes are compared.
      const found = attempt(() => matches(source, given).map(([whole]) => whole))
      if (found !== undefined) expect(found).toEqual(expected)
    })
    fc.assert(property, { ...SEEDED, numRuns: runs(3_000) })
  })

  it.each<[string, string, string[][]]>([
    ['a++a', 'aaa', []],
    ['(?>a|ab)c', 'abc', []],
    ['\\p{Alpha}+', '1abcé2', [['abc']]],
    ['\\p{L}+', '1abcé2', [['abcé']]],
    ['\\p{Lu}\\P{Lu}', 'aBc', [['Bc']]],
    ['(?i)abc(?-i)D', 'xAbCD abcd', [['AbCD']]],
    ['a(?i:b)c', 'aBc abC', [['aBc']]],
    ['[a-z&&[^bc]]+', 'abcde', [['a'], ['de']]],
    ['[a-c[x-z]]+', 'axd', [['ax']]],
    ['\\Q.*\\E', 'a.*b', [['.*']]],
    ['(\\w)\\1', 'abba', [['bb', 'b']]],
    ['(?<letter>a)\\k<letter>', 'aa', [['aa', 'a']]],
    ['(?<=a)b', 'ab bb', [['b']]],
    ['(?<!a)b', 'ab bb', [['b'], ['b']]],
    ['^b$', 'a\nb', []],
    ['(?m)^b$', 'a\nb\nc', [['b']]],
    ['a.c', 'a\nc', []],
    ['(?s)a.c', 'a\nc', [['a\nc']]],
    ['b$', 'b\n', [['b']]],
    ['b\\z', 'b\n', []],
    ['\\u0041\\x42\\x{43}\\t', 'ABC\t', [['ABC\t']]],
    ['.', '😀', [['😀']]],
    ['[\\]a]+', 'a]', [['a]']]],
    ['\\R', 'a\r\nb', [['\r\n']]],
  ])('match %s in %s as Java does', (source, text, expected) => {
    expect(matches(source, text)).toEqual(expected)
  })

  it.each([
    ['(a', "'(' is not closed"],
    ['a)', "')' has no '('"],
    ['[a', "'[' is not closed"],
    ['*a', 'nothing stands before a repeat'],
    ['a{2,1}', 'number of repeats'],
    ['a{99999}', 'number of repeats'],
    ['\\y', "'\\y' is not known"],
    ['\\p{Nonsense}', 'is not known'],
    ['\\1', 'a reference has no group'],
    ['(?x)a', 'the group is not known'],
    ['[b-a]', 'a range ends before it begins'],
    ['\\', 'is not known'],
    ['('.repeat(60), 'nested too deep'],
    ['a'.repeat(1_001), 'at most 1000'],
  ])('refuse the pattern %s', (source, reason) => {
    expect(() => regexpOf(source)).toThrow(EvaluationError)
    expect(() => regexpOf(source)).toThrow(reason)
  })

  it('stop when a text takes too many steps, and match the next text rightly', () => {
    const text = 'a'.repeat(40)
    for (const source of ['(a+)+b', '(a|a)*b', 'a*a*a*a*a*a*a*b', '(?:a?){40}b']) {
      expect(() => matches(source, text), source).toThrow(/takes too long/)
      expect(
        matches(source, 'xab').map(([whole]) => whole),
        source,
      ).toEqual(['ab'])
    }
  })

  it('stop before the stack is full', () => {
    const text = 'ab'.repeat(50_000)
    expect(() => matches('(ab)*c', text)).toThrow(/too often/)
    expect(() => matches(`(?:${'(?:a|b)'.repeat(100)})*c`, text)).toThrow(/too often|too long/)
    expect(matches('[ab]*', text)[0]?.[0]).toHaveLength(100_000)
    expect(matches('(ab){100}', text)).toHaveLength(500)
  })
})
