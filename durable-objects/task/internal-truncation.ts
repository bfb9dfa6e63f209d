/** Deletes the records of internal topics that a task has processed, some at a time. */
import { INTERNAL_TRUNCATE_RECORDS } from '../../src/core/streams/limits.ts'
import type { AssignedInput } from '../../src/core/streams/task-api.ts'
import type { TaskTopics } from './task-topics.ts'

export class InternalTruncation {
  readonly #topics: TaskTopics
  readonly #truncated = new Map<string, number>()

  constructor(topics: TaskTopics) {
    this.#topics = topics
  }

  /** @param positions They are durable: the records below them are never read again. */
  truncate(positions: ReadonlyArray<AssignedInput & { readonly offset: number }>): void {
    for (const input of positions) {
      const { isInternal, topic, partition, offset } = input
      const name = `${topic}/${partition}`
      const before = this.#truncated.get(name) ?? 0
      if (!isInternal || offset - before < INTERNAL_TRUNCATE_RECORDS) continue
      this.#truncated.set(name, offset)
      this.#topics.truncate(input, offset).catch(() => this.#truncated.set(name, before))
    }
  }
}
