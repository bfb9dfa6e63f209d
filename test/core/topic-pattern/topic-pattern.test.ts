/*
 * Question: do topic patterns have the meaning of RE2's and JavaScript's regular expressions, and is
 * their work limited for any pattern?
 * Contract: a pattern matches a name if and only if RegExp, anchored at both ends, does; a name takes at most
 *   (length + 1) x (states + 1) steps; any text either compiles or is refused as
 *   `invalid_regular_expression`, before it takes memory.
 * Generated: patterns from a grammar, each in our syntax and in JavaScript's, against names
 *   of the few characters that occur in them; random text of the characters with a meaning.
 * Limits: names of up to 8 characters, since RegExp may take exponential time.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EdgelogError } from '../../../src/core/errors.ts'
import {
  TOPIC_NAME_LENGTH_MAX,
  TOPIC_PATTERN_DEPTH_MAX,
  TOPIC_PATTERN_LENGTH_MAX,
  TOPIC_PATTERN_STATES_MAX,
} from '../../../src/core/limits.ts'
import { parsePattern } from '../../../src/core/topic-pattern/pattern-parser.ts'
import { buildProgram, runProgram } from '../../../src/core/topic-pattern/pattern-program.ts'
import { compileTopicPattern } from '../../../src/core/topic-pattern/topic-pattern.ts'
import { runs, SEEDED } from '../../support/seed.ts'

/** Returns the names that match. */
function matching(pattern: string, ...names: string[]): string[] {
  const { matches } = compileTopicPattern(pattern)
  return names.filter((name) => matches(name))
}

function refusal(pattern: string): string {
  try {
    compileTopicPattern(pattern)
  } catch (error) {
    if (error instanceof EdgelogError) return `${error.code} ${error.message}`
    throw error
  }
  return 'compiles'
}

describe('a pattern', () => {
  test('matches the whole name', () => {
    expect(matching('order', 'order', 'orders', 'reorder', '')).toEqual(['order'])
    expect(matching('a|bc', 'a', 'ac', 'bc', 'abc')).toEqual(['a', 'bc'])
    expect(matching('', '', 'a')).toEqual([''])
  })

  test.each([
    ['orders\\..*', ['orders.eu', 'orders.'], ['orders', 'orders-eu']],
    ['(eu|us)-.+', ['eu-a', 'us-b'], ['eu-', 'eu', 'as-a']],
    ['\\w+\\-\\d{2}', ['a-12', '_-00'], ['a-1', 'a-123', '-12']],
    ['[^a-c]+', ['def', '.'], ['dbf', '']],
    ['[]a]', ['a'], ['b', '']],
    ['[a\\-c]+', ['a-c'], ['b']],
    ['[ac-]+', ['a-c'], ['b']],
    ['[[:upper:][:digit:]]+', ['A1'], ['a1']],
    ['[[:^upper:]]', ['a'], ['A']],
    ['(?i)OrD[e-g]R', ['ORDER', 'order', 'ordFr'], ['ordxr']],
    ['(?i)[^a]', ['b', 'B'], ['a', 'A']],
    ['(?P<region>e)(?<rest>u)', ['eu'], ['e']],
    ['(?:ab)*?c{2,}?d??', ['cc', 'ababcccd'], ['abc', 'acc']],
    ['a{0}b{1}c{0,2}', ['b', 'bcc'], ['ab', 'bccc']],
    ['(?:a|b|)+', ['', 'abba'], ['c']],
    ['^\\Aab$\\z', ['ab'], ['a', 'abc']],
    ['^*a', ['a'], ['aa']],
    ['a^b', [], ['ab', 'a^b']],
    ['a$b|c', ['c'], ['ab', 'a$b', 'a']],
    ['(^a|b)*', ['', 'a', 'abb', 'b'], ['ba', 'aa']],
    ['(a|b$)*', ['', 'ab', 'aa'], ['ba']],
    ['(a$)?b?', ['', 'a', 'b'], ['ab']],
  ])('matches, as %s, only the expected names', (pattern, those, notThose) => {
    expect(matching(pattern, ...those, ...notThose)).toEqual(those)
  })

  test('treats a brace that begins no repetition as a character, which no name contains', () => {
    const names = ['a', 'aa', 'a{', 'a{,2}', 'a{x}', 'a}']
    expect(matching('a\\{|a{', ...names)).toEqual(['a{'])
    expect(matching('a{,2}', ...names)).toEqual(['a{,2}'])
    expect(matching('a{x}|a}', ...names)).toEqual(['a{x}', 'a}'])
  })

  test('may contain characters that no name contains', () => {
    expect(matching('(😀|é)*a[é-ü]?[^é]', 'ab', 'a', 'éab')).toEqual(['ab'])
  })
})

describe('an invalid pattern', () => {
  test.each([
    ['(a)\\1', 'a backreference is not supported at character 4'],
    ['a(?=b)', 'lookaround is not supported at character 2'],
    ['(?!b)', 'lookaround is not supported at character 1'],
    ['(?<=b)', 'lookaround is not supported at character 1'],
    ['(?<!b)', 'lookaround is not supported at character 1'],
    ['a(?i)b', 'a flag other than (?i) at the beginning is not supported at character 2'],
    ['(?s).', 'a flag other than (?i) at the beginning is not supported at character 1'],
    ['(?i:a)', 'a flag other than (?i) at the beginning is not supported at character 1'],
    ['(?>a)', 'this kind of group is not supported at character 1'],
    ['(?<>a)', 'this kind of group is not supported at character 1'],
    ['(?<n>a)(?<n>b)', 'a second group named n at character 8'],
    ['a*+', 'a possessive quantifier is not supported at character 3'],
    ['a{2}+', 'a possessive quantifier is not supported at character 5'],
    ['a**', 'a repetition of a repetition at character 3'],
    ['a{2}{3}', 'a repetition of a repetition at character 5'],
    ['*a', 'there is nothing to repeat at character 1'],
    ['a|+', 'there is nothing to repeat at character 3'],
    ['(?:{2})', 'there is nothing to repeat at character 4'],
    ['a{3,2}', 'a repetition with a lower bound above its upper at character 2'],
    ['a{1001}', 'more than 1000 repetitions at character 2'],
    ['ab\\', 'nothing follows the \\ at character 3'],
    ['\\pL', 'a Unicode class is not supported at character 1'],
    ['a\\b', 'the escape \\b is not supported at character 2'],
    ['(ab', 'a ( is not closed at character 1'],
    ['a)', 'a ) without its ( at character 2'],
    ['[a-', 'a [ is not closed at character 4'],
    ['[]', 'a [ is not closed at character 3'],
    ['[z-a]', 'an invalid range; it must go from one character up to another at character 2'],
    ['[a-\\d]', 'an invalid range; it must go from one character up to another at character 2'],
    ['[[:alhpa:]]', 'the class [:alhpa:] is unknown at character 2'],
  ])('is refused: %s', (pattern, message) => {
    expect(refusal(pattern)).toBe(
      `invalid_regular_expression topicPattern: ${message} of the pattern`,
    )
  })

  test('is refused with the field name of the caller', () => {
    expect(() => compileTopicPattern('(', 'subscribedTopicRegex')).toThrow(
      /^subscribedTopicRegex: /,
    )
  })

  test('is refused if it is longer than the limit', () => {
    expect(refusal('a'.repeat(TOPIC_PATTERN_LENGTH_MAX))).toBe('compiles')
    expect(refusal('a'.repeat(TOPIC_PATTERN_LENGTH_MAX + 1))).toContain('at most 500 characters')
  })

  test('is refused if its groups are nested too deeply', () => {
    const nested = (depth: number) => '('.repeat(depth) + ')'.repeat(depth)
    expect(refusal(nested(TOPIC_PATTERN_DEPTH_MAX))).toBe('compiles')
    expect(refusal(nested(TOPIC_PATTERN_DEPTH_MAX + 1))).toContain('more than 100 nested groups')
    expect(refusal('('.repeat(TOPIC_PATTERN_LENGTH_MAX))).toContain('more than 100 nested groups')
  })

  test.each([
    ['a{490}', 'compiles'],
    ['a{1000}b', 'states'],
    ['((a{1000}){1000}){1000}', 'states'],
    ['(((){1000}){1000}){1000}', 'states'],
    ['((a{0,6}){0,6}){0,6}', 'compiles'],
    ['((a{0,10}){0,10}){0,9}', 'states'],
    ['((a?){500}){0,2}', 'states'],
    ['(((a{0}){1000}){2}){1000}', 'states'],
  ])('is refused if it needs too many states: %s', (pattern, expected) => {
    expect(refusal(pattern)).toContain(expected)
  })
})

interface Pair {
  readonly ours: string
  readonly reference: string
}

const same = (text: string): Pair => ({ ours: text, reference: text })
const wrap = ({ ours, reference }: Pair, around: (text: string) => string): Pair => ({
  ours: around(ours),
  reference: around(reference),
})

const arbitraryAtom: fc.Arbitrary<Pair> = fc.oneof(
  fc.constantFrom('a', 'b', 'A', '0', '-', '_').map(same),
  fc.constantFrom('.', '\\.', '\\-', '\\d', '\\w', '\\s', '\\D', '\\W', '\\S').map(same),
  fc.constantFrom('[ab]', '[^a]', '[a-z]', '[^a-z0-9]', '[\\w-]', '[^\\d.]', '[+--]').map(same),
  fc.constantFrom<Pair>(
    { ours: '[[:alpha:]]', reference: '[a-zA-Z]' },
    { ours: '[^[:digit:]_]', reference: '[^0-9_]' },
  ),
)

const arbitraryAssertion: fc.Arbitrary<Pair> = fc.constantFrom<Pair>(
  same('^'),
  same('$'),
  { ours: '\\A', reference: '^' },
  { ours: '\\z', reference: '$' },
)

const { pattern: arbitraryPattern } = fc.letrec<{ pattern: Pair; sequence: Pair; item: Pair }>(
  (tie) => ({
    pattern: fc
      .array(tie('sequence'), { minLength: 1, maxLength: 3, depthIdentifier: 'pattern' })
      .map((parts) => joinPairs(parts, '|')),
    sequence: fc
      .array(tie('item'), { maxLength: 4, depthIdentifier: 'pattern' })
      .map((parts) => joinPairs(parts, '')),
    item: fc.oneof(
      { depthIdentifier: 'pattern', depthSize: 'small', maxDepth: 4 },
      { arbitrary: arbitraryAtom, weight: 4 },
      { arbitrary: arbitraryAssertion, weight: 1 },
      {
        arbitrary: fc
          .tuple(
            fc.oneof(
              arbitraryAtom,
              tie('pattern').map((inner) => wrap(inner, (text) => `(?:${text})`)),
            ),
            fc.constantFrom('*', '+', '?', '{2}', '{0}', '{1,}', '{2,}', '{1,3}', '{2,2}'),
            fc.constantFrom('', '?'),
          )
          .map(([inner, quantifier, lazy]) => wrap(inner, (text) => `${text}${quantifier}${lazy}`)),
        weight: 3,
      },
      { arbitrary: tie('pattern').map((inner) => wrap(inner, (text) => `(${text})`)), weight: 1 },
    ),
  }),
)

/** Returns whether a pattern is refused for its size. Few are; any other error is a failure. */
function isTooLarge(pattern: string): boolean {
  return /characters are allowed|states are needed/.test(refusal(pattern))
}

function joinPairs(parts: readonly Pair[], separator: string): Pair {
  return {
    ours: parts.map(({ ours }) => ours).join(separator),
    reference: parts.map(({ reference }) => reference).join(separator),
  }
}

const arbitraryName = fc.string({ unit: fc.constantFrom(...'aabbABz01.-_'), maxLength: 8 })

test('compileTopicPattern() matches the same names as RegExp', () => {
  let matches = 0
  fc.assert(
    fc.property(
      arbitraryPattern,
      fc.boolean(),
      fc.array(arbitraryName, { minLength: 1, maxLength: 12 }),
      ({ ours, reference }, ignoresCase, names) => {
        fc.pre(!isTooLarge(`(?i)${ours}`))
        const compiled = compileTopicPattern(ignoresCase ? `(?i)${ours}` : ours)
        const expected = new RegExp(`^(?:${reference})$`, ignoresCase ? 'i' : '')
        for (const name of ['', ...names]) {
          const isMatch = expected.test(name)
          expect([name, compiled.matches(name)]).toEqual([name, isMatch])
          if (isMatch && name !== '') matches++
        }
      },
    ),
    { ...SEEDED, numRuns: runs(3_000) },
  )
  expect(matches).toBeGreaterThan(runs(300))
})

describe('the number of steps for one name', () => {
  test.each([
    '(a+)+$',
    '(a|a)*b',
    '(a*)*b',
    '(a|aa)+$',
    '(.*)*(.*)*(.*)*b',
    '((a{0,6}){0,6}){0,6}',
    '((((a?){0,4})*){0,4})+b',
    '(.{0,30}){0,8}',
    '((|a)(|a))*b',
    '(^|$|a)*b',
  ])('is limited for %s', (pattern) => {
    const program = buildProgram(parsePattern(pattern, 'topicPattern'))
    expect(program.states.length).toBeLessThanOrEqual(TOPIC_PATTERN_STATES_MAX + 1)
    const name = `${'a'.repeat(TOPIC_NAME_LENGTH_MAX - 1)}c`
    const { steps } = runProgram(program, name)
    expect(steps).toBeLessThanOrEqual((name.length + 1) * program.states.length)
  })

  test('is limited for generated patterns', () => {
    fc.assert(
      fc.property(arbitraryPattern, arbitraryName, ({ ours }, name) => {
        fc.pre(!isTooLarge(ours))
        const tree = parsePattern(ours, 'topicPattern')
        const program = buildProgram(tree)
        expect(program.states.length).toBeLessThanOrEqual(tree.states + 1)
        const { steps } = runProgram(program, name)
        expect(steps).toBeLessThanOrEqual((name.length + 1) * program.states.length)
      }),
      { ...SEEDED, numRuns: runs(500) },
    )
  })
})

test('compileTopicPattern() compiles or refuses any text', () => {
  const token = fc.oneof(
    fc.constantFrom(...'ab09.^$|()[]{}*+?\\-,:=!<>P'),
    fc.constantFrom('(?', '(?:', '(?P<', '(?i)', '[^', '[:', ':]', '{2,', '{9}', '\\d', '\\', '😀'),
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  let compiled = 0
  fc.assert(
    fc.property(fc.array(token, { maxLength: 30 }), arbitraryName, (tokens, name) => {
      const text = tokens.join('')
      const result = refusal(text)
      if (result !== 'compiles') {
        expect(result).toMatch(/^invalid_regular_expression topicPattern: /)
        return
      }
      compiled++
      expect(compileTopicPattern(text).matches(name)).toBeTypeOf('boolean')
    }),
    { ...SEEDED, numRuns: runs(5_000) },
  )
  expect(compiled).toBeGreaterThan(100)
})
