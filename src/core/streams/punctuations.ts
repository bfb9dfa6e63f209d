/** The schedules of a task. Their next times are part of its state. */
import type { Cells, StoredCell } from './cells.ts'
import type { PunctuationType } from './operator.ts'

interface Punctuation {
  readonly node: string
  readonly due: StoredCell
  readonly intervalMs: number
  readonly type: PunctuationType
  readonly punctuate: (timeMs: number) => void
  isCancelled: boolean
}

interface DuePunctuation {
  readonly node: string
  run(): void
}

const NONE: readonly DuePunctuation[] = []

export class Punctuations {
  readonly #cells: Cells
  readonly #all: Punctuation[] = []

  constructor(cells: Cells) {
    this.#cells = cells
  }

  /**
   * Adds a schedule, and returns the function that cancels it. By stream time the first one is due at once, by the
   * clock after an interval, as in Kafka Streams.
   */
  add({
    nowMs,
    ...schedule
  }: Omit<Punctuation, 'due' | 'isCancelled'> & { readonly nowMs: number }): () => void {
    const { node, type, intervalMs } = schedule
    const index = this.#all.filter((other) => other.node === node).length
    const first = type === 'wall-clock' ? nowMs + intervalMs : 0
    const due = this.#cells.add(`${node}/punctuation-${index}`, first, true)
    const punctuation = { ...schedule, due, isCancelled: false }
    this.#all.push(punctuation)
    return () => {
      punctuation.isCancelled = true
    }
  }

  /** Returns the schedules that are due, each with its node. Running one moves it to its next time. */
  due(type: PunctuationType, timeMs: number): readonly DuePunctuation[] {
    // Most tasks have none, and this is asked for each record.
    if (this.#all.length === 0) return NONE
    return this.#all
      .filter((one) => one.type === type && !one.isCancelled && one.due.value <= timeMs)
      .map((one) => ({
        node: one.node,
        run() {
          if (one.isCancelled) return
          one.punctuate(timeMs)
          // The times of the schedule that have passed count as one.
          const passed = Math.floor((timeMs - one.due.value) / one.intervalMs) + 1
          one.due.value += passed * one.intervalMs
        },
      }))
  }

  /** When the next one by the clock is due; undefined: none is. */
  get nextMs(): number | undefined {
    const dues = this.#byClock().map(({ due }) => due.value)
    return dues.length === 0 ? undefined : Math.min(...dues)
  }

  /** True if a schedule by the clock began and no turn has stored it: a restart would begin it again. */
  get hasUnstored(): boolean {
    return this.#byClock().some(({ due }) => due.committed === undefined)
  }

  #byClock(): Punctuation[] {
    return this.#all.filter(({ type, isCancelled }) => type === 'wall-clock' && !isCancelled)
  }
}
