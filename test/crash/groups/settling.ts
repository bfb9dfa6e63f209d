/**
 * Waits until a group has settled after the last fault (G4), for as long as the group changes. A busy machine
 * makes the group slow, and then the time that settling takes says nothing; a group that is stuck does not change.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** A session (2 s), plus ample time for a busy machine: a group that does not change for this long is stuck. */
export const STUCK_MS_MAX = 60_000
/** A group may also change for ever, such as when its members only lose and get their partitions. */
export const SETTLE_MS_MAX = 300_000

/** The part of `GET /v1/groups/{groupId}` that shows whether the group has settled. */
export interface DescribedGroup {
  readonly state: string
  readonly groupEpoch: number
  readonly memberCount: number
  readonly totalLag: number
  readonly members: ReadonlyArray<{
    readonly memberId: string
    readonly memberEpoch: number
    readonly state: string
  }>
  readonly offsets: ReadonlyArray<{
    readonly partition: number
    readonly committedOffset: number | null
    readonly highWatermark: number
  }>
}

/** One change of the group, at a time after the last fault. */
export interface GroupChange {
  readonly afterMs: number
  /** The group in one line; the error if it did not respond. */
  readonly state: string
}

export interface Settling {
  /** null: it was stuck, or changed for too long. */
  readonly settledAfterMs: number | null
  /** The last changes. */
  readonly changes: readonly GroupChange[]
}

interface SettlingContext {
  /** Returns the group, or the reason why it did not respond. */
  readonly look: () => Promise<DescribedGroup | string>
  readonly members: number
  readonly nowMs?: () => number
  readonly pause?: () => Promise<unknown>
}

const PAUSE_MS = 100
const CHANGES_KEPT = 30

export async function settle(context: SettlingContext): Promise<Settling> {
  const { look, members, nowMs = Date.now, pause = () => sleep(PAUSE_MS) } = context
  const sinceMs = nowMs()
  const changes: GroupChange[] = []
  for (let changedMs = 0; ; await pause()) {
    const group = await look()
    const afterMs = nowMs() - sinceMs
    if (isSettled(group, members)) return { settledAfterMs: afterMs, changes }
    const state = inOneLine(group)
    if (changes.at(-1)?.state !== state) {
      changes.push({ afterMs, state })
      changedMs = afterMs
    }
    if (changes.length > CHANGES_KEPT) changes.shift()
    if (afterMs - changedMs > STUCK_MS_MAX || afterMs > SETTLE_MS_MAX)
      return { settledAfterMs: null, changes }
  }
}

function isSettled(group: DescribedGroup | string, members: number): boolean {
  if (typeof group === 'string') return false
  return group.state === 'stable' && group.memberCount === members && group.totalLag === 0
}

function inOneLine(group: DescribedGroup | string): string {
  if (typeof group === 'string') return group
  const { state, groupEpoch, totalLag, members, offsets } = group
  const ids = members.map(
    (member) => `${member.memberId.slice(0, 8)}@${member.memberEpoch} ${member.state}`,
  )
  const committed = offsets.map(({ committedOffset, highWatermark }) => {
    return `${committedOffset}/${highWatermark}`
  })
  return `${state}, epoch ${groupEpoch}, lag ${totalLag}; ${ids.join(', ')}; ${committed.join(' ')}`
}
