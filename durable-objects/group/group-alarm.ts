/**
 * The alarm of a group. One that exists always has one set: after a session for members that fall
 * silent together, else for what is to be forgotten one day.
 */
import { OVERDUE_ALARM_MS } from '../../src/core/limits.ts'

export class GroupAlarm {
  readonly #storage: DurableObjectStorage
  /** When it is set for; each `setAlarm` is a row written, so calls only ever bring it forward. */
  #atMs = Number.POSITIVE_INFINITY

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  async load(): Promise<void> {
    this.#atMs = (await this.#storage.getAlarm()) ?? Number.POSITIVE_INFINITY
  }

  /** Makes sure that it comes at `atMs` at the latest. */
  by(atMs: number): void {
    const nowMs = Date.now()
    if (this.#atMs > atMs) this.at(atMs)
    // It is past: lost, a known fault of the platform, or just about to ring for the object that it
    // woke up, which this takes back. It is not put off: or it would be each time.
    else if (this.#atMs <= nowMs) this.at(Math.min(atMs, nowMs + OVERDUE_ALARM_MS))
  }

  /** Puts it off, unless somebody brought it forward meanwhile. */
  postpone(fromMs: number, toMs: number): void {
    if (this.#atMs === fromMs) this.at(toMs)
    else this.by(toMs)
  }

  /** Not awaited: it belongs to the commit of its turn. */
  at(atMs: number): void {
    this.#atMs = atMs
    void this.#storage.setAlarm(atMs)
  }

  async clear(): Promise<void> {
    this.#atMs = Number.POSITIVE_INFINITY
    await this.#storage.deleteAlarm()
  }
}
