/** Follows one partition by the live tail, at the pace of the application. */
import type { EdgelogError } from '../../src/core/errors.ts'
import type { IsolationLevel } from '../../src/core/log/log-ends.ts'
import type { TailFrame } from '../../src/core/log/tail-protocol.ts'
import type { TailClient } from './tail-client.ts'
import { TailCredit } from './tail-credit.ts'

/** Receives frames, and calls back when the application has taken them. */
interface TailReader {
  readonly queuedBytes: number
  /** @returns false after a gap */
  acceptLive(frame: TailFrame): boolean
  watchTaken(work: ((bytes: number) => void) | undefined): void
}

interface TailSessionOptions {
  readonly topic: string
  readonly partition: number
  /** Bytes that may be in flight and in the reader's queue together. */
  readonly creditBytes: number
  readonly isolation: IsolationLevel
  /** Returns the start offset; called when the subscription begins. */
  readonly offset: () => number
  readonly now: () => number
  readonly signal: AbortSignal
}

/** Follows partitions without a request per read. */
export interface LiveTail {
  /** True if the platform has a transport for it. */
  readonly isSupported: boolean
  /** True if it works, and has room for another subscription. */
  readonly isUsable: boolean
  /** Like `followTail`. */
  follow(reader: TailReader, options: TailSessionOptions): Promise<TailEnd>
}

/** `lost`: the connection ended, follow again; `gap`: records are missing, fetch them. */
type TailEnd = 'lost' | 'gap'

export function liveTail(tail: TailClient): LiveTail {
  return {
    get isSupported() {
      return tail.isSupported
    },
    get isUsable() {
      return tail.isUsable
    },
    follow: (reader, options) => followTail(tail, reader, options),
  }
}

/**
 * Resolves when the tail ends. Delivered bytes are granted again, so the
 * bytes in flight and in the queue exceed the credit by at most one frame.
 *
 * @throws {EdgelogError} the error with which the server ended it; `corrupt_message`
 */
async function followTail(
  tail: TailClient,
  reader: TailReader,
  options: TailSessionOptions,
): Promise<TailEnd> {
  const { topic, partition, creditBytes, isolation, now, signal } = options
  await roomForCredit(reader, creditBytes, signal)
  if (signal.aborted) return 'lost'
  return await new Promise<TailEnd>((resolve, reject) => {
    const credit = new TailCredit(creditBytes, now())
    const roomBytes = creditBytes - reader.queuedBytes
    const firstBytes = Math.min(credit.firstBytes, roomBytes)
    // Bytes queued before the subscription are not granted again, except where they reduced the first credit.
    let foreignBytes = reader.queuedBytes - (credit.firstBytes - firstBytes)
    const end = (settle: () => void) => {
      subscription.end()
      reader.watchTaken(undefined)
      signal.removeEventListener('abort', aborted)
      settle()
    }
    const aborted = () => end(() => resolve('lost'))
    const listener = {
      frame: (frame: TailFrame) => {
        try {
          if (!reader.acceptLive(frame)) end(() => resolve('gap'))
        } catch (error) {
          end(() => reject(error))
        }
      },
      closed: (error: EdgelogError) => end(() => reject(error)),
      lost: () => end(() => resolve('lost')),
    }
    const request = {
      topic,
      partition,
      offset: options.offset(),
      creditBytes: firstBytes,
      isolation,
    }
    const subscription = tail.follow(request, listener)
    signal.addEventListener('abort', aborted)
    reader.watchTaken((bytes) => {
      const passedBytes = Math.min(bytes, foreignBytes)
      foreignBytes -= passedBytes
      const grantedBytes = credit.take(bytes - passedBytes, now())
      if (grantedBytes > 0) subscription.grant(grantedBytes)
    })
  })
}

/**
 * Waits until the queue holds less than half of the credit. So no credit is
 * sent before the subscription is confirmed, when the server would ignore it.
 */
async function roomForCredit(
  reader: TailReader,
  creditBytes: number,
  signal: AbortSignal,
): Promise<void> {
  while (reader.queuedBytes >= creditBytes / 2 && !signal.aborted) await untilTaken(reader, signal)
}

/** Resolves when the application has taken a queued chunk, or the signal is aborted. */
export function untilTaken(
  reader: Pick<TailReader, 'watchTaken'>,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      reader.watchTaken(undefined)
      signal.removeEventListener('abort', end)
      resolve()
    }
    reader.watchTaken(end)
    signal.addEventListener('abort', end)
  })
}
