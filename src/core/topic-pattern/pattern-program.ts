/**
 * Matches by Thompson's method: all paths through the pattern are followed at the same time, so that a name
 * takes at most (its length + 1) x (states of the program) steps, whatever the pattern.
 */
import type { CharacterSet } from './character-set.ts'
import type { PatternNode } from './pattern-parser.ts'

/** A state, with the numbers of its successors. */
type State =
  | { readonly kind: 'character'; readonly set: CharacterSet; readonly next: number }
  /** Continues only at the beginning or at the end of the name. */
  | { readonly kind: 'begin' | 'end'; readonly next: number }
  | { readonly kind: 'split'; readonly next: number; other: number }
  | { readonly kind: 'match' }

interface PatternProgram {
  readonly states: readonly State[]
  readonly start: number
}

const MATCH = 0

export function buildProgram(tree: PatternNode): PatternProgram {
  const states: State[] = [{ kind: 'match' }]
  const start = build(states, tree, MATCH)
  return { states, start }
}

/** Adds the states of `node`, from the last to the first, and returns the number of its first state. */
function build(states: State[], node: PatternNode, next: number): number {
  switch (node.kind) {
    case 'character':
      return states.push({ kind: 'character', set: node.set, next }) - 1
    case 'begin':
    case 'end':
      return states.push({ kind: node.kind, next }) - 1
    case 'sequence':
      return node.parts.reduceRight((following, part) => build(states, part, following), next)
    case 'alternation':
      return node.parts
        .map((part) => build(states, part, next))
        .reduce((one, other) => states.push({ kind: 'split', next: one, other }) - 1)
    case 'repetition':
      return buildRepetition(states, node, next)
  }
}

/** Expands a repetition: `x{2,4}` becomes `xx(x(x)?)?`, and `x{2,}` becomes `x` and a loop around another `x`. */
function buildRepetition(
  states: State[],
  { part, min, max }: Extract<PatternNode, { kind: 'repetition' }>,
  next: number,
): number {
  let start = next
  let copies = min
  if (max === Number.POSITIVE_INFINITY) {
    const split: Extract<State, { kind: 'split' }> = { kind: 'split', next, other: next }
    const splitAt = states.push(split) - 1
    split.other = build(states, part, splitAt)
    // The loop body is one of the required copies.
    start = min === 0 ? splitAt : split.other
    copies = Math.max(0, min - 1)
  } else {
    for (let count = min; count < max; count++) {
      start = states.push({ kind: 'split', next, other: build(states, part, start) }) - 1
    }
  }
  for (let count = 0; count < copies; count++) start = build(states, part, start)
  return start
}

interface MatchResult {
  readonly isMatch: boolean
  /** Number of visited states. */
  readonly steps: number
}

/** Returns whether the program matches the whole name. */
export function runProgram({ states, start }: PatternProgram, name: string): MatchResult {
  /** For each state the last position at which it was visited, plus one. */
  const seen = new Uint32Array(states.length)
  let steps = 0
  let current: number[] = [start]
  for (let position = 0; current.length > 0; position++) {
    const code = name.charCodeAt(position)
    const following: number[] = []
    // The list grows during the loop, by the states that are reachable without a character.
    for (const index of current) {
      const state = states[index]
      if (state === undefined || seen[index] === position + 1) continue
      seen[index] = position + 1
      steps++
      if (state.kind === 'character') {
        if (state.set[code] === 1) following.push(state.next)
      } else if (state.kind === 'split') {
        current.push(state.next, state.other)
      } else if (state.kind === 'match') {
        if (position === name.length) return { isMatch: true, steps }
      } else if (position === (state.kind === 'begin' ? 0 : name.length)) {
        current.push(state.next)
      }
    }
    current = following
  }
  return { isMatch: false, steps }
}
