/** A door translates one protocol to calls of the broker. */
import type { EdgelogEnv } from './bindings.ts'
import type { App } from './route.ts'

export interface Door {
  /** Names it to operators. */
  readonly name: string
  /** Bindings of the Worker without which it cannot serve. */
  readonly bindings: ReadonlyArray<keyof EdgelogEnv>
  /** Paths where it refuses callers without a token itself; on all others the app does. */
  readonly openPaths?: readonly string[]
  /**
   * Adds its routes to an app. Their handlers take the broker of a request from `brokerOf`. What requests
   * share is made here, so that it belongs to this app.
   *
   * @internal
   */
  mount(app: App): void
}
