/**
 * Decides how much a client may send at a time, and how long the response may take.
 *
 * `fetch` shows no progress of an upload, so its time limit covers the whole request. The bytes in flight
 * are therefore limited to what the line carries within a few seconds, measured with the previous requests:
 *
 *    acknowledged, within the window's time    the rate grows to what this request shows
 *    acknowledged later                        the rate falls to bytes in flight / elapsed time
 *    failed later than that                    the pace is reset to that of an unknown line
 *
 * A batch larger than the window is sent alone. Its bytes beyond the window get time at the slowest supported rate.
 */
import {
  SEND_BATCHES_PER_WINDOW,
  SEND_BYTES_PER_MS_MIN,
  SEND_FOLLOWS_PER_WINDOW,
  SEND_WINDOW_BYTES_MIN,
  SEND_WINDOW_MS,
} from '../limits.ts'

export interface SendPace {
  /** Bytes that may be in flight, over all partitions. */
  readonly windowBytes: number
  /** True once a request was large or slow enough to show the rate of the line. */
  readonly isMeasured: boolean
}

export interface SentRequest {
  readonly sizeBytes: number
  /** Bytes in flight when it began, its own included. */
  readonly underWayBytes: number
  readonly elapsedMs: number
  /** `answered`: rejected by the server, which shows nothing about the line. */
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
    // Never too low: part of the bytes in flight had arrived before.
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

/** @param underWayBytes without those of the request that asks to begin. */
export function mayBegin(pace: SendPace, underWayBytes: number, sizeBytes: number): boolean {
  return underWayBytes === 0 || underWayBytes + sizeBytes <= pace.windowBytes
}

/** Returns whether a batch may be sent while another of its partition is in flight. */
export function mayFollow(pace: SendPace, sizeBytes: number): boolean {
  return sizeBytes * SEND_FOLLOWS_PER_WINDOW <= pace.windowBytes
}

/** Returns the recommended size of the next batch. */
export function pacedBatchBytes(pace: SendPace): number {
  return Math.floor(pace.windowBytes / SEND_BATCHES_PER_WINDOW)
}

/** Returns the extra time of a request that goes beyond the window. */
export function extraTimeMs(pace: SendPace, underWayBytes: number): number {
  return Math.ceil(Math.max(0, underWayBytes - pace.windowBytes) / SEND_BYTES_PER_MS_MIN)
}
