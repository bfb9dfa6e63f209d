/** The rows of a windowed table, with the updates that leave it. */
import type { OperatorContext } from './operator.ts'
import { storeKey, type ValueAndTimestamp } from './stores/key-value-store.ts'
import type { WindowSpec } from './stores/store-spec.ts'
import type { WindowStore } from './stores/window-store.ts'
import type { StreamRecord, Windowed } from './stream-record.ts'
import { TableOutput } from './table-output.ts'

export class WindowTable {
  readonly store: WindowStore
  readonly #spec: WindowSpec
  readonly #output: TableOutput

  constructor(spec: WindowSpec, context: OperatorContext) {
    this.store = context.store(spec)
    this.#spec = spec
    this.#output = new TableOutput(context)
  }

  /** Stores the row of a window, and forwards the update with the timestamp of the record. Null deletes the row. */
  set(record: StreamRecord, startMs: number, newValue: unknown): void {
    const { key, timestamp } = record
    const oldValue = this.store.get(key, startMs)?.value ?? null
    if (newValue === null) this.store.delete(key, startMs)
    else this.store.put(key, startMs, newValue, timestamp)
    const windowed: Windowed = { key, startMs, endMs: startMs + this.#spec.sizeMs }
    const change = { newValue, oldValue }
    const id = `${storeKey(this.#spec.key, key)}/${startMs}`
    this.#output.emit(id, { ...record, key: windowed, value: change })
  }

  lookUp(windowed: unknown): ValueAndTimestamp | undefined {
    const { key, startMs } = windowed as Windowed
    return this.store.get(key, startMs)
  }

  flush(): void {
    this.#output.flush()
  }

  clear(): void {
    this.#output.clear()
  }
}
