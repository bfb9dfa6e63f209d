/**
 * The alarm of a group or a transaction coordinator. Each `setAlarm` writes a row, so calls only move it forward.
 */
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
    if (this.#atMs > atMs) this.at(atMs)
    // The set time has passed. Either the alarm was lost (a known platform fault), or it is about
    // to fire for this object that it woke; setting it replaces that one. Allow only a short
    // delay, so that repeated calls do not postpone it forever.
    else if (this.#atMs <= nowMs) this.at(Math.min(atMs, nowMs + OVERDUE_ALARM_MS))
  }

  /** Postpones the alarm, unless another call moved it forward in the meantime. */
  postpone(fromMs: number, toMs: number, nowMs: number): void {
    if (this.#atMs === fromMs) this.at(toMs)
    else this.ensure(toMs, nowMs)
  }

  /** Forgets the alarm that fired, so that the next one may be later. */
  fired(): void {
    this.#atMs = Number.POSITIVE_INFINITY
  }

  /** Sets the alarm. Not awaited: the write belongs to the commit of its turn. */
  at(atMs: number): void {
    this.#atMs = atMs
    void this.#storage.setAlarm(atMs)
  }

  async clear(): Promise<void> {
    this.#atMs = Number.POSITIVE_INFINITY
    await this.#storage.deleteAlarm()
  }
}
