/**
 * Cached ends of partition logs, collected from the responses that an app receives. A member that commits an offset has
 * usually just read up to it through the same isolate.
 */
import { KNOWN_BOUNDS_AGE_MS, KNOWN_BOUNDS_MAX, KNOWN_LOG_START_AGE_MS } from '../core/limits.ts'
import type { LogEnds } from '../core/log/log-ends.ts'

export type Bounds = Pick<LogEnds, 'logStartOffset' | 'highWatermark'>

export class KnownBounds {
  /** Entries by topic id and partition; the most recently updated one is last. */
  readonly #known = new Map<string, Bounds & { readonly learnedAtMs: number }>()

  remember(topicId: string, partition: number, { logStartOffset, highWatermark }: Bounds): void {
    const key = `${topicId}/${partition}`
    const before = this.#known.get(key)
    this.#known.delete(key)
    if (this.#known.size >= KNOWN_BOUNDS_MAX) {
      const [oldest] = this.#known.keys()
      if (oldest !== undefined) this.#known.delete(oldest)
    }
    this.#known.set(key, {
      // Responses may arrive out of order, and a log start never moves down.
      logStartOffset: Math.max(logStartOffset, before?.logStartOffset ?? 0),
      highWatermark,
      learnedAtMs: Date.now(),
    })
  }

  /** Returns the log start if it was returned less than `KNOWN_LOG_START_AGE_MS` ago. */
  recentLogStart(topicId: string, partition: number): number | undefined {
    const bounds = this.#known.get(`${topicId}/${partition}`)
    const isRecent =
      bounds !== undefined && Date.now() - bounds.learnedAtMs < KNOWN_LOG_START_AGE_MS
    return isRecent ? bounds.logStartOffset : undefined
  }

  /** Forgets the ends of a log whose start was moved. */
  forget(topicId: string, partition: number): void {
    this.#known.delete(`${topicId}/${partition}`)
  }

  /**
   * Returns whether a log is known to hold an offset. A log end stays valid forever, because a log only grows; its
   * start also moves, so entries expire.
   */
  isWithin(topicId: string, partition: number, offset: number): boolean {
    const bounds = this.#known.get(`${topicId}/${partition}`)
    if (bounds === undefined || Date.now() - bounds.learnedAtMs >= KNOWN_BOUNDS_AGE_MS) return false
    return isWithin(offset, bounds)
  }
}

export function isWithin(offset: number, { logStartOffset, highWatermark }: Bounds): boolean {
  return offset >= logStartOffset && offset <= highWatermark
}
