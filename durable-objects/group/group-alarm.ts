/**
 * The alarm of a group. One that exists always has one set: after a session for members that fall
 * silent together, else for what is to be forgotten one day.
 */
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
    // One that is past was lost, a known fault of the platform: it is set anew.
    if (this.#atMs <= atMs && this.#atMs > Date.now()) return
    this.at(atMs)
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
