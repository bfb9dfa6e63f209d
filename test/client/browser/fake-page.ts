import type { PageEvent, PageEvents } from '../../../client/browser/sync/page-events.ts'

/** A page whose events are made by a test. */
export class FakePage implements PageEvents {
  isOnline = true
  isVisible = true
  readonly #listeners = new Set<(event: PageEvent) => void>()

  get listenerCount(): number {
    return this.#listeners.size
  }

  listen(listener: (event: PageEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  emit(event: PageEvent): void {
    if (event === 'online' || event === 'offline') this.isOnline = event === 'online'
    if (event === 'visible' || event === 'hidden') this.isVisible = event === 'visible'
    for (const listener of [...this.#listeners]) listener(event)
  }
}
