/** Describes many groups for one answer: together they take `DESCRIBED_GROUPS_BYTES_MAX` at most. */
import { EdgelogError } from '../core/errors.ts'
import { descriptionTooLarge } from '../core/group/description-size.ts'
import {
  DESCRIBED_GROUP_SHARE_BYTES_MIN,
  DESCRIBED_GROUPS_BYTES_MAX,
  EDGE_FANOUT_MAX,
} from '../core/limits.ts'
import { fanOut } from './fan-out.ts'

interface DueGroup {
  readonly index: number
  readonly groupId: string
  /** What its description takes; undefined: nothing is known of it yet. */
  readonly sizeBytes?: number
}

/** A group and what its description may take. */
type AskedGroup = DueGroup & { readonly maxBytes: number }

/**
 * Side by side go as many as have room for all they may take, so that never more than that is on its way
 * here. What is left is shared evenly by the next `EDGE_FANOUT_MAX` groups: small ones, which most are,
 * never wait for room. A group that takes more than its share comes after all others, with room for what
 * it takes.
 *
 * @param describe Throws `request_too_large` with `details.sizeBytes` instead of taking more than `maxBytes`.
 * @param bytesOf What a description takes.
 * @returns of each group, in their order, its description or why there is none: `throttled` where nothing
 * was left for it, `request_too_large` where it takes more than all may together.
 */
export async function describeEach<Description>(
  groupIds: readonly string[],
  describe: (groupId: string, maxBytes: number) => Promise<Description>,
  bytesOf: (description: Description) => number,
): Promise<Array<Description | EdgelogError>> {
  const outcomes: Array<Description | EdgelogError> = []
  let leftBytes = DESCRIBED_GROUPS_BYTES_MAX
  let due = groupIds.map((groupId, index): DueGroup => ({ index, groupId }))
  while (due.length > 0) {
    const round = nextRound(due, leftBytes)
    if (round.length === 0) break
    due = due.slice(round.length)
    await fanOut(round, async ({ index, groupId, maxBytes }) => {
      try {
        const description = await describe(groupId, maxBytes)
        leftBytes -= bytesOf(description)
        outcomes[index] = description
      } catch (error) {
        if (!(error instanceof EdgelogError)) throw error
        const sizeBytes = sizeOfLarger(error)
        if (sizeBytes === undefined) outcomes[index] = error
        else if (sizeBytes <= DESCRIBED_GROUPS_BYTES_MAX) due.push({ index, groupId, sizeBytes })
        else outcomes[index] = descriptionTooLarge(sizeBytes, DESCRIBED_GROUPS_BYTES_MAX)
      }
    })
  }
  for (const { index } of due) outcomes[index] = noRoom()
  return outcomes
}

/** The first of them, as many as have room. */
function nextRound(due: readonly DueGroup[], leftBytes: number): AskedGroup[] {
  const shareBytes = Math.floor(leftBytes / EDGE_FANOUT_MAX)
  const round: AskedGroup[] = []
  let roomBytes = leftBytes
  for (const group of due) {
    if (group.sizeBytes === undefined && shareBytes < DESCRIBED_GROUP_SHARE_BYTES_MIN) break
    const maxBytes = group.sizeBytes ?? shareBytes
    roomBytes -= maxBytes
    if (roomBytes < 0) break
    round.push({ ...group, maxBytes })
  }
  return round
}

/** What a group takes that was allowed less. */
function sizeOfLarger({ code, details }: EdgelogError): number | undefined {
  const sizeBytes = code === 'request_too_large' ? details?.sizeBytes : undefined
  return typeof sizeBytes === 'number' ? sizeBytes : undefined
}

function noRoom(): EdgelogError {
  const why = 'groups: the answer has no room for this one, ask again for those that are left'
  return new EdgelogError('throttled', why)
}
