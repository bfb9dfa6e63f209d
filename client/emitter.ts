/** Events of a client by name, for browsers and every other runtime alike. */

type Listener<Value> = (value: Value) => void

/** @typeParam Events the value of each event, by name. */
export class Emitter<Events extends object> {
  readonly #listeners: { [Name in keyof Events]?: Set<Listener<Events[Name]>> } = {}

  /** Adds a listener. Returns the function that removes it. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const all = this.#listeners as Record<Name, Set<Listener<Events[Name]>> | undefined>
    const listeners = all[name] ?? new Set()
    all[name] = listeners.add(listener)
    return () => listeners.delete(listener)
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    // A copy: a listener added during the loop gets the next event, so the loop ends.
    for (const listener of [...(this.#listeners[name] ?? [])]) {
      try {
        listener(value)
      } catch (error) {
        // Becomes an uncaught error of the application; the other listeners still run.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
