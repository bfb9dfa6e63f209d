/**
 * Parses regular expressions of Java into trees. What Java has and is not here is refused: `(?x)`, `\G`, `\X`, `\N`.
 *
 *   alternation  sequence ( '|' sequence )*
 *   sequence     ( atom ( '*' | '+' | '?' | '{n}' | '{n,}' | '{n,m}' ) ( '?' | '+' )? )*
 *   atom         '(' group ')' | '[' class ']' | '.' | '^' | '$' | escape | character
 */
import { EvaluationError } from '../errors.ts'
import { REGEXP_DEPTH_MAX } from '../limits.ts'
import type { Assertion } from './regexp-assertions.ts'
import { type CharacterTest, escapeClass, escapedCode, ignoringCase } from './regexp-characters.ts'

export type RegexpNode =
  | { readonly kind: 'character'; readonly test: CharacterTest }
  | { readonly kind: 'sequence' | 'alternation'; readonly parts: readonly RegexpNode[] }
  | { readonly kind: 'group'; readonly number: number; readonly body: RegexpNode }
  | { readonly kind: 'back'; readonly number: number; readonly ignoresCase: boolean }
  | { readonly kind: 'atomic'; readonly body: RegexpNode }
  | {
      readonly kind: 'look'
      readonly isBehind: boolean
      readonly isNegated: boolean
      readonly body: RegexpNode
    }
  | { readonly kind: 'assertion'; readonly name: Assertion }
  | {
      readonly kind: 'repeat'
      readonly body: RegexpNode
      readonly min: number
      readonly max: number
      readonly isLazy: boolean
    }

export interface ParsedRegexp {
  readonly node: RegexpNode
  readonly groupCount: number
  readonly names: ReadonlyMap<string, number>
}

const LOOKS: Readonly<Record<string, { isBehind: boolean; isNegated: boolean }>> = {
  '=': { isBehind: false, isNegated: false },
  '!': { isBehind: false, isNegated: true },
  '<=': { isBehind: true, isNegated: false },
  '<!': { isBehind: true, isNegated: true },
}
const ASSERTIONS = {
  A: 'textBegin',
  z: 'textEnd',
  Z: 'lastEnd',
  b: 'boundary',
  B: 'noBoundary',
} as const
const REPEAT_MAX = 10_000

export class RegexpParser {
  private readonly pattern: string
  private index = 0
  private depth = 0
  private groupCount = 0
  private readonly names = new Map<string, number>()
  /** Letters of `i`, `s` and `m` that are set. */
  private flags = ''

  constructor(pattern: string) {
    this.pattern = pattern
  }

  parse(): ParsedRegexp {
    const node = this.alternation()
    if (this.index < this.pattern.length) this.fail("a ')' has no '('")
    return { node, groupCount: this.groupCount, names: this.names }
  }

  private alternation(): RegexpNode {
    if (++this.depth > REGEXP_DEPTH_MAX)
      this.fail(`groups are nested too deep; ${REGEXP_DEPTH_MAX} are allowed`)
    const flags = this.flags
    const parts = [this.sequence()]
    while (this.skip('|')) parts.push(this.sequence())
    this.flags = flags
    this.depth--
    const [only] = parts
    return parts.length === 1 && only !== undefined ? only : { kind: 'alternation', parts }
  }

  private sequence(): RegexpNode {
    const parts: RegexpNode[] = []
    while (this.index < this.pattern.length && !this.looksAt('|') && !this.looksAt(')')) {
      const atom = this.atom()
      if (atom !== undefined) parts.push(this.repeat(atom))
    }
    return { kind: 'sequence', parts }
  }

  private repeat(body: RegexpNode): RegexpNode {
    const bounds = this.bounds()
    if (bounds === undefined) return body
    const [min, max] = bounds
    if (min > max || Math.max(min, Number.isFinite(max) ? max : 0) > REPEAT_MAX) {
      this.fail(`a number of repeats is not allowed; 0 to ${REPEAT_MAX} are`)
    }
    const isPossessive = this.skip('+')
    const repeat = {
      kind: 'repeat',
      body,
      min,
      max,
      isLazy: !isPossessive && this.skip('?'),
    } as const
    return isPossessive ? { kind: 'atomic', body: repeat } : repeat
  }

  private bounds(): readonly [number, number] | undefined {
    if (this.skip('*')) return [0, Number.POSITIVE_INFINITY]
    if (this.skip('+')) return [1, Number.POSITIVE_INFINITY]
    if (this.skip('?')) return [0, 1]
    const match = this.take(/\{(\d{1,6})(,(\d{0,6}))?\}/y)
    if (match === undefined) return undefined
    const [, min, more, max] = match
    if (more === undefined) return [Number(min), Number(min)]
    return [Number(min), max === '' ? Number.POSITIVE_INFINITY : Number(max)]
  }

  /** Returns undefined for what is no atom: flags, and an empty quotation. */
  private atom(): RegexpNode | undefined {
    if (this.skip('(')) return this.group()
    if (this.skip('[')) return this.character(this.characterClass())
    if (this.skip('\\')) return this.escape()
    if (this.skip('^'))
      return { kind: 'assertion', name: this.flags.includes('m') ? 'begin' : 'textBegin' }
    if (this.skip('$'))
      return { kind: 'assertion', name: this.flags.includes('m') ? 'end' : 'lastEnd' }
    if (this.skip('.')) {
      return this.flags.includes('s')
        ? { kind: 'character', test: () => true }
        : {
            kind: 'character',
            test: (code) => !'\n\r\u0085\u2028\u2029'.includes(String.fromCodePoint(code)),
          }
    }
    if (/[*+?{]/.test(this.pattern.charAt(this.index))) this.fail('nothing stands before a repeat')
    return this.literal(this.next())
  }

  private literal(code: number): RegexpNode {
    return this.character((other) => other === code)
  }

  private character(test: CharacterTest): RegexpNode {
    return { kind: 'character', test: this.flags.includes('i') ? ignoringCase(test) : test }
  }

  private group(): RegexpNode | undefined {
    if (!this.skip('?')) return this.capture(++this.groupCount)
    if (this.skip('>')) return { kind: 'atomic', body: this.closed(this.alternation()) }
    const look = LOOKS[this.take(/<?[=!]/y)?.[0] ?? '']
    if (look !== undefined) return { kind: 'look', ...look, body: this.closed(this.alternation()) }
    const name = this.take(/<([A-Za-z][A-Za-z\d]*)>/y)?.[1]
    if (name !== undefined) {
      this.names.set(name, ++this.groupCount)
      return this.capture(this.groupCount)
    }
    const flags = this.take(/([imsu]*)(?:-([imsu]*))?([:)])/y)
    if (flags === undefined) return this.fail('the group is not known')
    const [, set = '', cleared = '', end] = flags
    const outer = this.flags
    this.flags = [...new Set(outer + set)].filter((flag) => !cleared.includes(flag)).join('')
    if (end === ')') return undefined
    const body = this.closed(this.alternation())
    this.flags = outer
    return body
  }

  private capture(number: number): RegexpNode {
    return { kind: 'group', number, body: this.closed(this.alternation()) }
  }

  private closed(node: RegexpNode): RegexpNode {
    if (!this.skip(')')) this.fail("a '(' is not closed")
    return node
  }

  private escape(): RegexpNode | undefined {
    const quoted = this.take(/Q([\s\S]*?)(?:\\E|$)/y)?.[1]
    if (quoted !== undefined) {
      const parts = Array.from(quoted, (each) => this.literal(each.codePointAt(0) ?? 0))
      return parts.length === 0 ? undefined : { kind: 'sequence', parts }
    }
    const assertion = this.take(/[AzZbB]/y)?.[0] as keyof typeof ASSERTIONS | undefined
    if (assertion !== undefined) return { kind: 'assertion', name: ASSERTIONS[assertion] }
    const back = this.take(/[1-9]|k<(\w+)>/y)
    if (back !== undefined) {
      const number = back[1] === undefined ? Number(back[0]) : this.names.get(back[1])
      if (number === undefined || number > this.groupCount) this.fail('a reference has no group')
      return { kind: 'back', number: number ?? 0, ignoresCase: this.flags.includes('i') }
    }
    if (this.skip('R'))
      return new RegexpParser('(?>\\r\\n|[\\n-\\r\\u0085\\u2028\\u2029])').parse().node
    return this.character(this.escapedCharacter())
  }

  private escapedCharacter(): CharacterTest {
    const match = this.take(/p\{\^?[^}]*\}|P\{[^}]*\}|[pP][A-Z]|[dDwWsShHvV]/y)
    if (match !== undefined)
      return escapeClass(match[0]) ?? this.fail(`'\\${match[0]}' is not known`)
    const code = this.escapedCode()
    return (other) => other === code
  }

  private escapedCode(): number {
    const match = this.take(
      /x\{[\da-fA-F]{1,6}\}|x[\da-fA-F]{2}|u[\da-fA-F]{4}|0[0-3]?[0-7]{1,2}|c[\s\S]|[\s\S]/uy,
    )
    return (match && escapedCode(match[0])) ?? this.fail(`'\\${match?.[0] ?? ''}' is not known`)
  }

  /** Reads a class after its `[`: a union of items; `&&` is the intersection with what follows. */
  private characterClass(): CharacterTest {
    if (++this.depth > REGEXP_DEPTH_MAX) this.fail('classes are nested too deep')
    const isNegated = this.skip('^')
    const items: CharacterTest[] = []
    let test: CharacterTest = (code) => items.some((item) => item(code))
    for (let isFirst = true; isFirst || !this.skip(']'); isFirst = false) {
      if (this.index >= this.pattern.length) this.fail("a '[' is not closed")
      if (this.skip('&&')) {
        const left = test
        const right = this.characterClass()
        test = (code) => left(code) && right(code)
        break
      }
      items.push(this.skip('[') ? this.characterClass() : this.classItem())
    }
    this.depth--
    const whole = test
    return isNegated ? (code) => !whole(code) : whole
  }

  private classItem(): CharacterTest {
    let first: number
    if (this.skip('\\')) {
      if (/[pPdDwWsShHvV]/.test(this.pattern.charAt(this.index))) return this.escapedCharacter()
      first = this.escapedCode()
    } else {
      first = this.next()
    }
    const isRange = this.looksAt('-') && !this.looksAt('-]') && !this.looksAt('-[')
    if (!isRange) return (code) => code === first
    this.next()
    const last = this.skip('\\') ? this.escapedCode() : this.next()
    if (last < first) this.fail('a range ends before it begins')
    return (code) => code >= first && code <= last
  }

  private looksAt(text: string): boolean {
    return this.pattern.startsWith(text, this.index)
  }

  private skip(text: string): boolean {
    if (!this.looksAt(text)) return false
    this.index += text.length
    return true
  }

  private take(regexp: RegExp): RegExpExecArray | undefined {
    regexp.lastIndex = this.index
    const match = regexp.exec(this.pattern)
    if (match === null) return undefined
    this.index += match[0].length
    return match
  }

  private next(): number {
    const code = this.pattern.codePointAt(this.index)
    if (code === undefined) return this.fail('it ends too early')
    this.index += code > 0xffff ? 2 : 1
    return code
  }

  private fail(reason: string): never {
    throw new EvaluationError(
      `Invalid regular expression pattern: ${this.pattern} (at character ${this.index + 1}: ${reason})`,
    )
  }
}
