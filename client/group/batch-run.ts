/** Passes the batches of a group's member to a handler, several at a time. */
import type { GroupMember, Work } from './group-member.ts'
import type { BatchHandler } from './handlers.ts'

interface BatchRunOptions {
  readonly concurrency: number
  /** Handles a batch, and ends the work on it. */
  readonly handle: (work: Work) => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * Resolves when the member is closed.
 *
 * @throws the first error of `handle`; the error of `close`
 */
export async function runBatches(
  member: GroupMember,
  { concurrency, handle, close }: BatchRunOptions,
): Promise<void> {
  const failures: unknown[] = []
  const lane = async () => {
    try {
      for (;;) {
        const work = await member.next()
        if (work === undefined) return
        await handle(work)
      }
    } catch (error) {
      failures.push(error)
      void close()
    }
  }
  await Promise.race([
    Promise.all(Array.from({ length: concurrency }, lane)),
    aborted(member.readers.signal),
  ])
  await close().catch((error) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

/** Handles one batch. It is finished when the handler resolves. */
export async function handleBatch(
  member: GroupMember,
  work: Work,
  handler: BatchHandler,
): Promise<void> {
  const { signal } = work.held.stop
  let isFinished = false
  try {
    await handler(work.batch, { signal })
    isFinished = true
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    member.end(work, isFinished)
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
