/** Follows one partition by the live tail, as far as the application keeps up. */
import type { EdgelogError } from '../../src/core/errors.ts'
import type { TailFrame } from '../../src/core/log/tail-protocol.ts'
import type { TailClient } from './tail-client.ts'
import { TailCredit } from './tail-credit.ts'

/** Who takes what arrives, and says when the application has taken it. */
interface TailReader {
  readonly queuedBytes: number
  /** @returns false if something is missing before it. */
  acceptLive(frame: TailFrame): boolean
  watchTaken(work: ((bytes: number) => void) | undefined): void
}

interface TailSessionOptions {
  readonly topic: string
  readonly partition: number
  /** Bytes that may be under way and in the reader's queue together. */
  readonly creditBytes: number
  /** Where to begin, asked when it begins. */
  readonly offset: () => number
  readonly now: () => number
  readonly signal: AbortSignal
}

/** Follows partitions without asking for each read. */
export interface LiveTail {
  /** There is something to follow with. */
  readonly isSupported: boolean
  /** It works, and has room for one more. */
  readonly isUsable: boolean
  /** As `followTail`. */
  follow(reader: TailReader, options: TailSessionOptions): Promise<TailEnd>
}

/** `lost`: the connection ended, follow again; `gap`: something is missing, read it. */
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
 * Resolves when the tail ends. What the application takes is granted anew, so that the bytes under
 * way and in the queue never pass the credit, but by one frame.
 *
 * @throws {EdgelogError} why the log ended it; `corrupt_message`.
 */
async function followTail(
  tail: TailClient,
  reader: TailReader,
  options: TailSessionOptions,
): Promise<TailEnd> {
  const { topic, partition, creditBytes, now, signal } = options
  await roomForCredit(reader, creditBytes, signal)
  if (signal.aborted) return 'lost'
  return await new Promise<TailEnd>((resolve, reject) => {
    const credit = new TailCredit(creditBytes, now())
    const roomBytes = creditBytes - reader.queuedBytes
    const firstBytes = Math.min(credit.firstBytes, roomBytes)
    // Queued bytes were not granted here, but where they leave less room than a first credit.
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
 * Waits until less than half of the credit is taken by what is queued already: so nothing is granted
 * before the subscription is answered, when the log would pass it over.
 */
async function roomForCredit(
  reader: TailReader,
  creditBytes: number,
  signal: AbortSignal,
): Promise<void> {
  while (reader.queuedBytes >= creditBytes / 2 && !signal.aborted) await untilTaken(reader, signal)
}

/** Resolves when the application has taken something of what is queued, or the signal is aborted. */
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
