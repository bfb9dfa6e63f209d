/** The segments of time in which windows and sessions are kept. A segment is deleted as a whole. */

const SEGMENT_MS_MIN = 60_000

export class TimeSegments {
  readonly #retentionMs: number
  /** As Kafka chooses it: half of the retention, and at least a minute. */
  readonly #segmentMs: number

  constructor(retentionMs: number) {
    this.#retentionMs = retentionMs
    this.#segmentMs = Math.max(Math.floor(retentionMs / 2), SEGMENT_MS_MIN)
  }

  of(timeMs: number): number {
    return Math.floor(timeMs / this.#segmentMs)
  }

  /** Returns the first segment that has something which is not older than the retention. */
  firstKept(streamTimeMs: number): number {
    return this.of(streamTimeMs - this.#retentionMs)
  }
}
