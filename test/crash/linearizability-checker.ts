/**
 * Is there an order of the calls, each at one moment between its invocation and its return, in which a
 * log that does one thing after the other would have given the same answers? (L7, L8.)
 *
 * Wing and Gong's search with Lowe's memory: calls are taken in turn from those that no pending return
 * forbids; a state reached before with the same calls done is not searched again. Exponential at worst,
 * so for histories of a few clients.
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
  /** Certainly not done, for a reason outside this model, such as a throttle. */
  | { readonly kind: 'failed' }
  /** Not done: a conditional append met another end, or a read lay beyond it. */
  | { readonly kind: 'mismatch' }
  /** From the offset asked for; fewer than the log holds, but one at least if it holds any. */
  | { readonly kind: 'values'; readonly values: readonly string[] }
  | { readonly kind: 'tail'; readonly highWatermark: number }
  /** Done, or not done, at any time from the invocation on. */
  | { readonly kind: 'unknown' }

export interface Operation {
  readonly call: Call
  readonly answer: Answer
  readonly invokedAt: number
  /** Infinity where no answer came. */
  readonly returnedAt: number
}

export type Verdict =
  | { readonly isLinearizable: true }
  /** The longest prefix of an order that was found, and what could not follow it. */
  | { readonly isLinearizable: false; readonly stuckAt: readonly Operation[] }

/** The log in one order of the calls. */
interface LogState {
  readonly values: readonly string[]
  /** Tells states apart: two orders of the same appends are different logs. */
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
  /** Calls with an answer: once all are taken, what is left may never have happened. */
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

  /** The calls that may come next: those invoked before every pending call's return. */
  #options(): number[] {
    const options: number[] = []
    let firstReturn = Number.POSITIVE_INFINITY
    for (const [index, { invokedAt, returnedAt }] of this.#operations.entries()) {
      if (this.#isTaken[index]) continue
      if (invokedAt > firstReturn) break
      firstReturn = Math.min(firstReturn, returnedAt)
      options.push(index)
    }
    // What has an answer first: an order without the unknown ones is found sooner.
    const isUnknown = (index: number) => this.#operation(index).answer.kind === 'unknown'
    return [...options.filter((i) => !isUnknown(i)), ...options.filter(isUnknown)]
  }

  /** The log after the call, or undefined if it would have answered something else. */
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
