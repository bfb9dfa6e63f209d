/** Logs the calls of a member to its group, over whatever they are made. */
import type { HeartbeatResponse } from '../../../client/group/group-calls.ts'
import type { OffsetCommit } from '../../../client/index.ts'
import type { MemberEvent, Offsets } from './member-events.ts'

interface Assigned {
  readonly topic: string
  readonly partitions: readonly number[]
}

/** The body of a heartbeat or a commit. */
interface CallBody {
  readonly memberId: string
  readonly memberEpoch: number
  readonly owned?: readonly Assigned[]
  readonly offsets: readonly OffsetCommit[]
}

/** A call that has no response yet. */
export interface MadeCall {
  /** Logs its effect, from the body of a response without an error. */
  succeeded(text: string): void
}

export class CallLog {
  readonly #log: (event: MemberEvent) => void
  /** The partitions that the member last reported as owned; a heartbeat omits them if they are unchanged. */
  #owned: readonly number[] = []

  constructor(log: (event: MemberEvent) => void) {
    this.#log = log
  }

  /** Logs a call that is about to be sent. */
  made(method: string, path: string, text: string, isBySession: boolean): MadeCall {
    const body = text === '' ? {} : JSON.parse(text)
    if (path.endsWith('/heartbeat')) return this.#heartbeat(body)
    if (!path.includes('/offsets')) return { succeeded: () => undefined }
    if (method === 'POST') return this.#commit(body, isBySession)
    return {
      succeeded: (response) => {
        const { offsets } = JSON.parse(response) as { offsets: OffsetCommit[] }
        this.#log({ kind: 'fetched', offsets: offsetsOf(offsets) })
      },
    }
  }

  #commit({ memberId, memberEpoch: epoch, offsets }: CallBody, isBySession: boolean): MadeCall {
    const sentAtMs = Date.now()
    this.#log({ kind: 'commit sent', memberId, offsets: offsetsOf(offsets) })
    return {
      succeeded: () =>
        this.#log({
          kind: 'commit accepted',
          memberId,
          epoch,
          offsets: offsetsOf(offsets),
          sentAtMs,
          isBySession,
        }),
    }
  }

  #heartbeat({ memberId, memberEpoch: epoch, owned }: CallBody): MadeCall {
    const sentAtMs = Date.now()
    if (owned !== undefined) this.#owned = partitionsOf(owned)
    const held = this.#owned
    return {
      succeeded: (response) => {
        if (epoch < 0) return
        this.#log({ kind: 'held', memberId, partitions: epoch === 0 ? [] : held, sentAtMs })
        const { assignment, memberEpoch } = JSON.parse(response) as HeartbeatResponse
        if (assignment === null) return
        const partitions = partitionsOf(assignment)
        const atMs = Date.now()
        this.#log({ kind: 'assignment received', memberId, epoch: memberEpoch, partitions, atMs })
      },
    }
  }
}

function partitionsOf(assigned: readonly Assigned[]): number[] {
  return assigned.flatMap(({ partitions }) => partitions)
}

function offsetsOf(offsets: readonly OffsetCommit[]): Offsets {
  return Object.fromEntries(offsets.map(({ partition, offset }) => [partition, offset]))
}
