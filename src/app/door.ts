/** A door translates one protocol to calls of the broker. */
import type { EdgelogEnv } from './bindings.ts'
import type { AppParts } from './env.ts'
import type { App } from './route.ts'

export interface Door {
  /** Name of the door in messages to operators. */
  readonly name: string
  /** Bindings of the Worker that the door needs. */
  readonly bindings: ReadonlyArray<keyof EdgelogEnv>
  /** Paths where the door itself rejects callers without a token; on all others the app does. */
  readonly openPaths?: ReadonlyArray<string | RegExp>
  /**
   * Adds its routes to an app. Their handlers get the broker of a request from `brokerOf`. State shared by requests is
   * created here, so that it belongs to this app.
   *
   * @returns the handler of TCP connections, if the door has one.
   * @internal
   */
  mount(app: App): ConnectHandler | undefined
}

/** Serves a TCP connection; resolves when it is closed. */
export type ConnectHandler = (socket: Socket, parts: AppParts) => Promise<void>
