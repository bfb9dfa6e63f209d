/**
 * Checks that a history is linearizable (L7, L8): that the calls have an order, each at one moment between
 * its invocation and its return, in which a sequential log would give the same responses.
 *
 * Uses Wing and Gong's search with Lowe's cache: takes one call after the other from those that no pending
 * return forbids, and skips a state that was already searched with the same calls done. Exponential at
 * worst, so use it only for histories of a few clients.
 */

export type Call =
  | { readonly kind: 'append'; readonly values: readonly string[] }
  | {
      readonly kind: 'conditionalAppend'
      readonly expectedOffset: number
      readonly values: readonly string[]
    }
  | { readonly kind: 'read'; readonly offset: number }
  | { readonly kind: 'tail' }

export type Answer =
  | { readonly kind: 'appended'; readonly baseOffset: number }
  /** Definitely not done, for a reason outside this model, such as a throttle. */
  | { readonly kind: 'failed' }
  /** Not done: the expected offset of a conditional append was not the end, or a read began beyond the end. */
  | { readonly kind: 'mismatch' }
  /** Values from the requested offset; may be a part, but at least one value if the log has any there. */
  | { readonly kind: 'values'; readonly values: readonly string[] }
  | { readonly kind: 'tail'; readonly highWatermark: number }
  /** Done at any time after the invocation, or not done. */
  | { readonly kind: 'unknown' }

export interface Operation {
  readonly call: Call
  readonly answer: Answer
  readonly invokedAt: number
  /** Infinity if no response arrived. */
  readonly returnedAt: number
}

export type Verdict =
  | { readonly isLinearizable: true }
  /** `stuckAt`: the calls of which none could follow the longest prefix of an order that was found. */
  | { readonly isLinearizable: false; readonly stuckAt: readonly Operation[] }

/** The log after one order of the calls. */
interface LogState {
  readonly values: readonly string[]
  /** Identifies the state: two orders of the same appends give different logs. */
  readonly id: number
}

interface Frame {
  readonly state: LogState
  readonly taken: number
  readonly options: readonly number[]
  nextOption: number
}

export function checkLinearizable(history: readonly Operation[]): Verdict {
  const operations = [...history]
    .filter(({ answer }) => answer.kind !== 'failed')
    .filter(({ call, answer }) => answer.kind !== 'unknown' || changesLog(call))
    .sort((a, b) => a.invokedAt - b.invokedAt)
  return new Search(operations).run()
}

function changesLog({ kind }: Call): boolean {
  return kind === 'append' || kind === 'conditionalAppend'
}

class Search {
  readonly #operations: readonly Operation[]
  readonly #isTaken: boolean[]
  /** Number of calls with a response that are not taken yet; at 0 the rest may never have happened. */
  #answersLeft: number
  readonly #visited = new Set<string>()
  readonly #ids = new Map<string, number>()
  #best: { depth: number; stuckAt: readonly Operation[] } = { depth: -1, stuckAt: [] }

  constructor(operations: readonly Operation[]) {
    this.#operations = operations
    this.#isTaken = new Array<boolean>(operations.length).fill(false)
    this.#answersLeft = operations.filter(({ answer }) => answer.kind !== 'unknown').length
  }

  run(): Verdict {
    const frames: Frame[] = [this.#enter({ values: [], id: 0 }, -1)]
    while (this.#answersLeft > 0) {
      const frame = frames.at(-1)
      if (frame === undefined) return { isLinearizable: false, stuckAt: this.#best.stuckAt }
      const option = frame.options[frame.nextOption]
      if (option === undefined) {
        frames.pop()
        if (frame.taken >= 0) this.#setTaken(frame.taken, false)
        continue
      }
      frame.nextOption += 1
      const state = this.#apply(frame.state, this.#operation(option))
      if (state === undefined) continue
      this.#setTaken(option, true)
      if (this.#isNew(state)) frames.push(this.#enter(state, option, frames.length))
      else this.#setTaken(option, false)
    }
    return { isLinearizable: true }
  }

  #operation(index: number): Operation {
    return this.#operations[index] as Operation
  }

  #setTaken(index: number, isTaken: boolean): void {
    this.#isTaken[index] = isTaken
    if (this.#operation(index).answer.kind !== 'unknown') this.#answersLeft += isTaken ? -1 : 1
  }

  #enter(state: LogState, taken: number, depth = 0): Frame {
    const options = this.#options()
    if (depth > this.#best.depth) {
      this.#best = { depth, stuckAt: options.map((index) => this.#operation(index)) }
    }
    return { state, taken, options, nextOption: 0 }
  }

  /** Returns the calls that may come next: those invoked before every pending call's return. */
  #options(): number[] {
    const options: number[] = []
    let firstReturn = Number.POSITIVE_INFINITY
    for (const [index, { invokedAt, returnedAt }] of this.#operations.entries()) {
      if (this.#isTaken[index]) continue
      if (invokedAt > firstReturn) break
      firstReturn = Math.min(firstReturn, returnedAt)
      options.push(index)
    }
    // Calls with a response first: this finds an order without the unknown calls sooner.
    const isUnknown = (index: number) => this.#operation(index).answer.kind === 'unknown'
    return [...options.filter((i) => !isUnknown(i)), ...options.filter(isUnknown)]
  }

  /** Returns the log after the call, or undefined if the log would have given another response. */
  #apply(state: LogState, { call, answer }: Operation): LogState | undefined {
    const end = state.values.length
    switch (call.kind) {
      case 'append':
      case 'conditionalAppend': {
        const isAllowed = call.kind === 'append' || call.expectedOffset === end
        if (answer.kind === 'mismatch') return isAllowed ? undefined : state
        if (!isAllowed) return undefined
        const isRightAnswer = answer.kind === 'appended' && answer.baseOffset === end
        return isRightAnswer || answer.kind === 'unknown'
          ? this.#withValues(state, call.values)
          : undefined
      }
      case 'read': {
        if (answer.kind === 'mismatch') return call.offset > end ? state : undefined
        if (answer.kind !== 'values' || call.offset > end) return undefined
        const isEmptyOnlyAtEnd = answer.values.length > 0 || call.offset === end
        const holds = answer.values.every((value, n) => state.values[call.offset + n] === value)
        return isEmptyOnlyAtEnd && holds ? state : undefined
      }
      case 'tail':
        return answer.kind === 'tail' && answer.highWatermark === end ? state : undefined
    }
  }

  #withValues(state: LogState, values: readonly string[]): LogState {
    const name = `${state.id} ${values.join()}`
    const id = this.#ids.get(name) ?? this.#ids.size + 1
    this.#ids.set(name, id)
    return { values: [...state.values, ...values], id }
  }

  #isNew({ id }: LogState): boolean {
    const taken = this.#isTaken.map((isTaken) => (isTaken ? '1' : '0')).join('')
    const visit = `${id} ${taken}`
    if (this.#visited.has(visit)) return false
    this.#visited.add(visit)
    return true
  }
}
