/** The alarm of an object. Each `setAlarm` writes a row, so calls only move it forward. */
import { OVERDUE_ALARM_MS } from '../src/core/limits.ts'

export class ObjectAlarm {
  readonly #storage: DurableObjectStorage
  /** Time of the set alarm. */
  #atMs = Number.POSITIVE_INFINITY

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  async load(): Promise<void> {
    this.#atMs = (await this.#storage.getAlarm()) ?? Number.POSITIVE_INFINITY
  }

  /** Ensures that the alarm fires at `atMs` at the latest. */
  ensure(atMs: number, nowMs: number): void {
    if (this.#atMs > atMs) this.#set(atMs)
    // The set time has passed: the alarm was lost, or is about to fire and is replaced. A short delay, so that
    // repeated calls do not postpone it forever.
    else if (this.#atMs <= nowMs) this.#set(Math.min(atMs, nowMs + OVERDUE_ALARM_MS))
  }

  /** Forgets the alarm that fired, so that the next one may be later. */
  fired(): void {
    this.#atMs = Number.POSITIVE_INFINITY
  }

  /** Not awaited: the write belongs to the commit of its turn. */
  #set(atMs: number): void {
    this.#atMs = atMs
    void this.#storage.setAlarm(atMs)
  }

  async clear(): Promise<void> {
    this.#atMs = Number.POSITIVE_INFINITY
    await this.#storage.deleteAlarm()
  }
}
