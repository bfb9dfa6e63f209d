/**
 * Regular expressions of Java, matched by backtracking that counts its steps. JavaScript's own cannot be stopped, and
 * a pattern and a text come from users: see REGEXP_STEPS_MAX.
 */
import { EvaluationError } from '../errors.ts'
import {
  REGEXP_CALLS_MAX,
  REGEXP_LENGTH_MAX,
  REGEXP_STEPS_MAX,
  REGEXP_STEPS_PER_CHARACTER,
  REGEXPS_MAX,
} from '../limits.ts'
import { holds } from './regexp-assertions.ts'
import { type RegexpNode, RegexpParser } from './regexp-parser.ts'

/** Continues the match at an index; true if the rest matches. */
type Step = (index: number) => boolean

export interface RegexpMatch {
  readonly from: number
  readonly to: number
  /** Text of each group, the whole first; undefined if it took no part. */
  readonly groups: readonly (string | undefined)[]
}

const compiled = new Map<string, Regexp>()

/** @throws {EvaluationError} for a pattern that is not allowed. */
export function regexpOf(pattern: string): Regexp {
  let regexp = compiled.get(pattern)
  if (regexp === undefined) {
    if (pattern.length > REGEXP_LENGTH_MAX) {
      throw new EvaluationError(
        `regular expression: has ${pattern.length} characters; at most ${REGEXP_LENGTH_MAX} are allowed`,
      )
    }
    regexp = new Regexp(pattern)
    if (compiled.size >= REGEXPS_MAX) compiled.clear()
    compiled.set(pattern, regexp)
  }
  return regexp
}

export class Regexp {
  readonly groupCount: number
  readonly names: ReadonlyMap<string, number>
  private readonly start: Step
  private text = ''
  /** Begin and end of each group; -1 for one that took no part. */
  private bounds: number[] = []
  /** Index where each group that is being matched began. */
  private begins: number[] = []
  private end = 0
  private steps = 0
  private stepsMax = 0
  private calls = 0

  constructor(pattern: string) {
    const { node, groupCount, names } = new RegexpParser(pattern).parse()
    this.groupCount = groupCount
    this.names = names
    this.start = this.compile(node, (index) => {
      this.end = index
      return true
    })
  }

  /**
   * Yields the matches in a text, from left to right.
   *
   * @throws {EvaluationError} if they take too many steps.
   */
  *matches(text: string): Generator<RegexpMatch, void, undefined> {
    let spent = 0
    let from = 0
    while (from <= text.length) {
      this.text = text
      this.stepsMax = REGEXP_STEPS_MAX + REGEXP_STEPS_PER_CHARACTER * text.length
      this.steps = spent
      this.calls = 0
      this.count()
      this.bounds = Array(2 * (this.groupCount + 1)).fill(-1)
      this.begins = []
      if (this.start(from)) {
        const { end } = this
        const groups = Array.from({ length: this.groupCount + 1 }, (_, number) =>
          number === 0 ? text.slice(from, end) : this.groupText(number),
        )
        spent = this.steps
        yield { from, to: end, groups }
        from = end > from ? end : from + 1
      } else {
        spent = this.steps
        from++
      }
    }
  }

  private groupText(number: number): string | undefined {
    const [from = -1, to = -1] = this.bounds.slice(number * 2, number * 2 + 2)
    return from < 0 || to < 0 ? undefined : this.text.slice(from, to)
  }

  private count(): void {
    if (++this.steps > this.stepsMax) {
      throw new EvaluationError('regular expression: takes too long for this text')
    }
  }

  /** Returns a step that matches a node and then continues with `next`; its depth in the stack is counted. */
  private compile(node: RegexpNode, next: Step): Step {
    const step = this.compileNode(node, next)
    return (index) => {
      if (++this.calls > REGEXP_CALLS_MAX) {
        throw new EvaluationError('regular expression: repeats a group too often for this text')
      }
      const isMatch = step(index)
      this.calls--
      return isMatch
    }
  }

  private compileNode(node: RegexpNode, next: Step): Step {
    switch (node.kind) {
      case 'character':
        return (index) => {
          const to = this.afterCharacter(node, index)
          return to >= 0 && next(to)
        }
      case 'sequence':
        return node.parts.reduceRight((rest, part) => this.compile(part, rest), next)
      case 'alternation': {
        const parts = node.parts.map((part) => this.compile(part, next))
        return (index) => parts.some((part) => part(index))
      }
      case 'group':
        return this.compileGroup(node.number, node.body, next)
      case 'back':
        return (index) => {
          const text = this.groupText(node.number)
          if (text === undefined) return false
          const part = this.text.slice(index, index + text.length)
          const isSame = node.ignoresCase
            ? part.toLowerCase() === text.toLowerCase()
            : part === text
          return isSame && next(index + text.length)
        }
      case 'assertion':
        return (index) => holds(node.name, this.text, index) && next(index)
      case 'atomic':
        return this.compileAtomic(node.body, next)
      case 'look':
        return node.isBehind
          ? this.compileBehind(node.body, node.isNegated, next)
          : this.compileAhead(node.body, node.isNegated, next)
      case 'repeat':
        return node.body.kind === 'character'
          ? this.compileCharacters(node, node.body, next)
          : this.compileRepeat(node, next)
    }
  }

  /** Returns the index after the character at `index` if it passes the test; else -1. */
  private afterCharacter(node: RegexpNode & { kind: 'character' }, index: number): number {
    this.count()
    const code = this.text.codePointAt(index)
    if (code === undefined || !node.test(code)) return -1
    return index + (code > 0xffff ? 2 : 1)
  }

  private compileGroup(number: number, body: RegexpNode, next: Step): Step {
    const inner = this.compile(body, (index) => {
      const [from = -1, to = -1] = this.bounds.slice(number * 2, number * 2 + 2)
      this.bounds[number * 2] = this.begins[number] ?? -1
      this.bounds[number * 2 + 1] = index
      if (next(index)) return true
      this.bounds[number * 2] = from
      this.bounds[number * 2 + 1] = to
      return false
    })
    return (index) => {
      const outer = this.begins[number] ?? -1
      this.begins[number] = index
      if (inner(index)) return true
      this.begins[number] = outer
      return false
    }
  }

  /** Compiles a part that does not give back what it matched. */
  private compileAtomic(body: RegexpNode, next: Step): Step {
    const inner = this.compileAlone(body)
    return (index) => {
      const to = inner(index)
      return to >= 0 && next(to)
    }
  }

  /** Returns a function that matches a part alone, and returns where it ends, or -1. */
  private compileAlone(body: RegexpNode, mustEnd?: () => number): (index: number) => number {
    let end = -1
    const inner = this.compile(body, (index) => {
      if (mustEnd !== undefined && index !== mustEnd()) return false
      end = index
      return true
    })
    return (index) => (inner(index) ? end : -1)
  }

  private compileAhead(body: RegexpNode, isNegated: boolean, next: Step): Step {
    const inner = this.compileAlone(body)
    return (index) => inner(index) >= 0 !== isNegated && next(index)
  }

  private compileBehind(body: RegexpNode, isNegated: boolean, next: Step): Step {
    let wanted = 0
    const inner = this.compileAlone(body, () => wanted)
    return (index) => {
      const outer = wanted
      wanted = index
      let from = index
      while (from >= 0 && inner(from) < 0) from--
      wanted = outer
      return from >= 0 !== isNegated && next(index)
    }
  }

  /** Compiles repeats of one character, without nested calls. */
  private compileCharacters(
    { min, max, isLazy }: RegexpNode & { kind: 'repeat' },
    body: RegexpNode & { kind: 'character' },
    next: Step,
  ): Step {
    return (start) => {
      let index = start
      let count = 0
      const advance = (): boolean => {
        const to = count < max ? this.afterCharacter(body, index) : -1
        if (to < 0) return false
        index = to
        count++
        return true
      }
      while (count < min) if (!advance()) return false
      if (isLazy) {
        while (!next(index)) if (!advance()) return false
        return true
      }
      const least = index
      while (advance());
      for (;;) {
        if (next(index)) return true
        if (index <= least) return false
        index -= (this.text.codePointAt(index - 2) ?? 0) > 0xffff ? 2 : 1
        this.count()
      }
    }
  }

  private compileRepeat(
    { body, min, max, isLazy }: RegexpNode & { kind: 'repeat' },
    next: Step,
  ): Step {
    /** Where the current repeat began, and which one it is. */
    let current = { count: 0, from: -1 }
    const enter = (index: number, repeat: typeof current): boolean => {
      const outer = current
      current = repeat
      const isMatch = inner(index)
      current = outer
      return isMatch
    }
    const leave = (index: number): boolean => {
      const inside = current
      current = { count: 0, from: -1 }
      const isMatch = next(index)
      current = inside
      return isMatch
    }
    const go: Step = (index) => {
      this.count()
      const { count, from } = current
      if (count < min) return enter(index, { count: count + 1, from: index })
      // A repeat that matched nothing would match nothing for ever.
      const mayRepeat = count < max && index !== from
      if (isLazy && leave(index)) return true
      if (mayRepeat && enter(index, { count: count + 1, from: index })) return true
      return !isLazy && leave(index)
    }
    const inner = this.compile(body, go)
    return (index) => {
      const outer = current
      current = { count: 0, from: -1 }
      const isMatch = go(index)
      current = outer
      return isMatch
    }
  }
}
