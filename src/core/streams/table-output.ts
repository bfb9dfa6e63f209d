/**
 * The updates of a table that has a store. With coalescing, one update for each key leaves it at the end of a turn:
 * from the value before the turn to the last one. The caches of Kafka Streams do so between commits.
 */
import type { OperatorContext } from './operator.ts'
import type { Change, StreamRecord } from './stream-record.ts'

export class TableOutput {
  readonly #context: OperatorContext
  readonly #held = new Map<string, StreamRecord<unknown, Change>>()

  constructor(context: OperatorContext) {
    this.#context = context
  }

  /** @param id Text that is the same for equal keys. */
  emit(id: string, record: StreamRecord<unknown, Change>): void {
    if (!this.#context.coalesces) {
      this.#context.forward(record)
      return
    }
    const oldValue = this.#held.get(id)?.value.oldValue
    if (oldValue === undefined) this.#held.set(id, record)
    else {
      const { key, value, timestamp, headers } = record
      const { newValue } = value
      this.#held.set(id, { key, value: { newValue, oldValue }, timestamp, headers })
    }
  }

  flush(): void {
    for (const record of this.#held.values()) {
      const { newValue, oldValue } = record.value
      if (newValue !== null || oldValue !== null) this.#context.forward(record)
    }
    this.#held.clear()
  }

  /** Forgets what is held, because the turn is undone. */
  clear(): void {
    this.#held.clear()
  }
}
