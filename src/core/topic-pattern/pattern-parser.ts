/**
 * Parses the text of a topic pattern into a tree. The syntax is the part of RE2's that is meaningful for topic
 * names; other syntax is refused and never interpreted differently.
 *
 *   alternation  sequence ( '|' sequence )*
 *   sequence     repetition*
 *   repetition   atom ( ( '*' | '+' | '?' | '{n}' | '{n,}' | '{n,m}' ) '?'? )?
 *   atom         '(' alternation ')' | '[' class ']' | '.' | '^' | '$' | escape | character
 */
import { EdgelogError } from '../errors.ts'
import {
  TOPIC_PATTERN_DEPTH_MAX,
  TOPIC_PATTERN_LENGTH_MAX,
  TOPIC_PATTERN_STATES_MAX,
} from '../limits.ts'
import { ANY_CHARACTER, addRange, type CharacterSet, emptySet, foldCase } from './character-set.ts'
import { readClass, readEscape } from './pattern-class.ts'
import { createPatternReader, type PatternReader } from './pattern-reader.ts'

export type PatternNode = { readonly states: number } & (
  | { readonly kind: 'character'; readonly set: CharacterSet }
  | { readonly kind: 'begin' | 'end' }
  | { readonly kind: 'sequence' | 'alternation'; readonly parts: readonly PatternNode[] }
  | {
      readonly kind: 'repetition'
      readonly part: PatternNode
      readonly min: number
      /** Infinity: no limit. */
      readonly max: number
    }
)

/** RE2's limit. */
const REPETITIONS_MAX = 1_000
const QUANTIFIER = /(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})/y

interface Parser {
  readonly reader: PatternReader
  readonly ignoresCase: boolean
  readonly groupNames: Set<string>
}

/** @throws {EdgelogError} `invalid_regular_expression`. */
export function parsePattern(text: string, field: string): PatternNode {
  if (text.length > TOPIC_PATTERN_LENGTH_MAX) {
    throw new EdgelogError(
      'invalid_regular_expression',
      `${field}: at most ${TOPIC_PATTERN_LENGTH_MAX} characters are allowed; got ${text.length}`,
    )
  }
  const reader = createPatternReader(text, field)
  const ignoresCase = reader.skip('(?i)')
  const node = readAlternation({ reader, ignoresCase, groupNames: new Set() }, 0)
  if (!reader.isAtEnd()) throw reader.failure('a ) without its (')
  return node
}

function readAlternation(parser: Parser, depth: number): PatternNode {
  const { reader } = parser
  const parts = [readSequence(parser, depth)]
  while (reader.skip('|')) parts.push(readSequence(parser, depth))
  // One more state for each choice between the parts so far and the next one.
  return joined(reader, 'alternation', parts, parts.length - 1)
}

function readSequence(parser: Parser, depth: number): PatternNode {
  const { reader } = parser
  const parts: PatternNode[] = []
  while (!(reader.isAtEnd() || reader.isAt('|') || reader.isAt(')'))) {
    parts.push(readRepetition(parser, depth))
  }
  return joined(reader, 'sequence', parts, 0)
}

function joined(
  reader: PatternReader,
  kind: 'sequence' | 'alternation',
  parts: readonly PatternNode[],
  ownStates: number,
): PatternNode {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  const states = parts.reduce((sum, part) => sum + part.states, ownStates)
  return { kind, parts, states: checkedStates(reader, states) }
}

function readRepetition(parser: Parser, depth: number): PatternNode {
  const { reader } = parser
  const at = reader.position()
  if (reader.skipMatch(QUANTIFIER) !== null) throw reader.failure('there is nothing to repeat', at)
  const part = readAtom(parser, depth)
  const quantifierAt = reader.position()
  const quantifier = reader.skipMatch(QUANTIFIER)
  if (quantifier === null) return part
  const [min, max] = boundsOf(quantifier)
  if (min > max)
    throw reader.failure('a repetition with a lower bound above its upper', quantifierAt)
  if (min > REPETITIONS_MAX || (max > REPETITIONS_MAX && max !== Number.POSITIVE_INFINITY)) {
    throw reader.failure(`more than ${REPETITIONS_MAX} repetitions`, quantifierAt)
  }
  // Laziness only affects where a match ends, and here a match always ends with the name.
  reader.skip('?')
  if (reader.isAt('+')) throw reader.failure('a possessive quantifier is not supported')
  const again = reader.position()
  if (reader.skipMatch(QUANTIFIER) !== null)
    throw reader.failure('a repetition of a repetition', again)
  const isBounded = max !== Number.POSITIVE_INFINITY
  const states = isBounded ? part.states * max + (max - min) : part.states * Math.max(1, min) + 1
  return { kind: 'repetition', part, min, max, states: checkedStates(reader, states, quantifierAt) }
}

function boundsOf([text, min, comma, max]: RegExpExecArray): readonly [min: number, max: number] {
  if (text === '*') return [0, Number.POSITIVE_INFINITY]
  if (text === '+') return [1, Number.POSITIVE_INFINITY]
  if (text === '?') return [0, 1]
  if (comma === undefined) return [Number(min), Number(min)]
  return [Number(min), max === '' ? Number.POSITIVE_INFINITY : Number(max)]
}

/**
 * Refuses a pattern that would become too large, before it is built. Every node counts as at least one state,
 * so that a thousand repetitions of an empty part count as well.
 */
function checkedStates(reader: PatternReader, states: number, at?: number): number {
  if (states > TOPIC_PATTERN_STATES_MAX) {
    throw reader.failure(`more than ${TOPIC_PATTERN_STATES_MAX} states are needed`, at)
  }
  return Math.max(1, states)
}

function readAtom(parser: Parser, depth: number): PatternNode {
  const { reader, ignoresCase } = parser
  if (reader.isAt('(')) return readGroup(parser, depth)
  if (reader.skip('^') || reader.skip('\\A')) return { kind: 'begin', states: 1 }
  if (reader.skip('$') || reader.skip('\\z')) return { kind: 'end', states: 1 }
  if (reader.skip('.')) return { kind: 'character', set: ANY_CHARACTER, states: 1 }
  if (reader.isAt('[')) {
    return { kind: 'character', set: readClass(reader, ignoresCase), states: 1 }
  }
  const read = reader.isAt('\\') ? readEscape(reader) : reader.next()
  const set = typeof read === 'string' ? setOf(read) : read
  return { kind: 'character', set: ignoresCase ? foldCase(set) : set, states: 1 }
}

function setOf(character: string): CharacterSet {
  const set = emptySet()
  const code = character.codePointAt(0)
  if (code !== undefined) addRange(set, code, code)
  return set
}

function readGroup(parser: Parser, depth: number): PatternNode {
  const { reader } = parser
  const at = reader.position()
  if (depth >= TOPIC_PATTERN_DEPTH_MAX) {
    throw reader.failure(`more than ${TOPIC_PATTERN_DEPTH_MAX} nested groups`)
  }
  reader.skip('(')
  if (reader.isAt('?')) readGroupKind(parser, at)
  const inner = readAlternation(parser, depth + 1)
  if (!reader.skip(')')) throw reader.failure('a ( is not closed', at)
  return inner
}

/** Reads `?:` or `?P<name>`. The name has no effect, because nothing is captured. */
function readGroupKind({ reader, groupNames }: Parser, at: number): void {
  if (reader.skip('?:')) return
  if (reader.skipMatch(/\?<?[=!]/y) !== null)
    throw reader.failure('lookaround is not supported', at)
  const name = reader.skipMatch(/\?P?<(\w+)>/y)?.[1]
  if (name === undefined) {
    const isFlag = reader.skipMatch(/\?[a-zA-Z-]+[:)]/y) !== null
    throw reader.failure(
      isFlag
        ? 'a flag other than (?i) at the beginning is not supported'
        : 'this kind of group is not supported',
      at,
    )
  }
  if (groupNames.has(name)) throw reader.failure(`a second group named ${name}`, at)
  groupNames.add(name)
}
