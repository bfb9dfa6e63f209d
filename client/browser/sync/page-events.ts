/** The events of a page. A worker receives fewer of them, and Node none. */

export type PageEvent =
  | 'online'
  | 'offline'
  | 'visible'
  | 'hidden'
  | 'pageshow'
  | 'pagehide'
  | 'freeze'
  | 'resume'

/** Returns whether the server may be reachable again after this event. */
export function isHint(event: PageEvent): boolean {
  return event === 'online' || event === 'visible' || event === 'pageshow'
}

export interface PageEvents {
  /** False is reliable, true is not. */
  readonly isOnline: boolean
  /** A worker counts as visible. */
  readonly isVisible: boolean
  /** Adds a listener. Returns the function that removes it. */
  listen(listener: (event: PageEvent) => void): () => void
}

interface Target {
  addEventListener?(type: string, listener: (event: { type: string }) => void): void
  removeEventListener?(type: string, listener: (event: { type: string }) => void): void
}

interface PageScope extends Target {
  readonly document?: Target & { readonly visibilityState: string }
  readonly navigator?: { readonly onLine?: boolean }
}

export function pageEvents(scope: PageScope = globalThis as PageScope): PageEvents {
  const { document } = scope
  const isVisible = () => document?.visibilityState !== 'hidden'
  const sources: readonly [Target | undefined, readonly string[]][] = [
    [scope, ['online', 'offline', 'pageshow', 'pagehide']],
    [document, ['freeze', 'resume', 'visibilitychange']],
  ]
  return {
    get isOnline() {
      return scope.navigator?.onLine !== false
    },
    get isVisible() {
      return isVisible()
    },
    listen: (listener) => {
      const forward = ({ type }: { type: string }) => {
        const visibility = isVisible() ? 'visible' : 'hidden'
        listener(type === 'visibilitychange' ? visibility : (type as PageEvent))
      }
      for (const [target, types] of sources) {
        for (const type of types) target?.addEventListener?.(type, forward)
      }
      return () => {
        for (const [target, types] of sources) {
          for (const type of types) target?.removeEventListener?.(type, forward)
        }
      }
    },
  }
}
