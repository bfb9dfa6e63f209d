/**
 * How much a client may send at a time, and how long the answer may take. Decides only.
 *
 * `fetch` shows no progress of an upload, so its time limit covers the whole request. What is under way
 * is therefore kept to what the line carries within a few seconds, measured by the requests before:
 *
 *    acknowledged, within the window's time    the rate grows to what this request shows
 *    acknowledged later                        the rate falls to what was under way / the time it took
 *    failed later than that                    everything begins again as on an unknown line
 *
 * A batch larger than the window goes alone. What the window does not cover has time at the slowest rate
 * that is supported.
 */
import {
  SEND_BATCHES_PER_WINDOW,
  SEND_BYTES_PER_MS_MIN,
  SEND_FOLLOWS_PER_WINDOW,
  SEND_WINDOW_BYTES_MIN,
  SEND_WINDOW_MS,
} from '../limits.ts'

export interface SendPace {
  /** Bytes that may be under way, over all partitions. */
  readonly windowBytes: number
  /** Some request was large or slow enough to show the rate of the line. */
  readonly isMeasured: boolean
}

export interface SentRequest {
  readonly sizeBytes: number
  /** When it began, with its own. */
  readonly underWayBytes: number
  readonly elapsedMs: number
  /** `answered`: by a refusal, which shows nothing about the line. */
  readonly result: 'acked' | 'answered' | 'failed'
}

export const UNKNOWN_PACE: SendPace = { windowBytes: SEND_WINDOW_BYTES_MIN, isMeasured: false }

export function paceAfter(pace: SendPace, request: SentRequest): SendPace {
  const { sizeBytes, underWayBytes, result } = request
  const elapsedMs = Math.max(1, request.elapsedMs)
  const isSlow = elapsedMs > SEND_WINDOW_MS
  if (result === 'answered') return pace
  if (result === 'failed') return isSlow ? { ...UNKNOWN_PACE, isMeasured: true } : pace
  if (isSlow) {
    // Never too low: not all that was under way had passed before.
    const carriedBytes = (underWayBytes * SEND_WINDOW_MS) / elapsedMs
    const windowBytes = Math.min(pace.windowBytes, carriedBytes)
    return { windowBytes: Math.max(SEND_WINDOW_BYTES_MIN, windowBytes), isMeasured: true }
  }
  // Never too high: other requests shared the line with this one.
  const carriedBytes = (sizeBytes * SEND_WINDOW_MS) / elapsedMs
  return {
    windowBytes: Math.max(pace.windowBytes, carriedBytes),
    isMeasured: pace.isMeasured || sizeBytes * SEND_BATCHES_PER_WINDOW >= SEND_WINDOW_BYTES_MIN,
  }
}

/** @param underWayBytes without those of the request that is to begin. */
export function mayBegin(pace: SendPace, underWayBytes: number, sizeBytes: number): boolean {
  return underWayBytes === 0 || underWayBytes + sizeBytes <= pace.windowBytes
}

/** Whether a batch may be sent while another of its partition is under way. */
export function mayFollow(pace: SendPace, sizeBytes: number): boolean {
  return sizeBytes * SEND_FOLLOWS_PER_WINDOW <= pace.windowBytes
}

/** How large a batch should be that is yet to be built. */
export function pacedBatchBytes(pace: SendPace): number {
  return Math.floor(pace.windowBytes / SEND_BATCHES_PER_WINDOW)
}

/** Added to the time limit of a request that goes beyond the window. */
export function extraTimeMs(pace: SendPace, underWayBytes: number): number {
  return Math.ceil(Math.max(0, underWayBytes - pace.windowBytes) / SEND_BYTES_PER_MS_MIN)
}
