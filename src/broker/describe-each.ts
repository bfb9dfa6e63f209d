/** Describes many groups for one answer: together they take `DESCRIBED_GROUPS_BYTES_MAX` at most. */
import { EdgelogError } from '../core/errors.ts'
import { descriptionTooLarge } from '../core/group/description-size.ts'
import { DESCRIBED_GROUPS_BYTES_MAX, EDGE_FANOUT_MAX } from '../core/limits.ts'
import { fanOut } from './fan-out.ts'

/** What a group may take that nothing is known of yet. */
const SHARE_BYTES = Math.floor(DESCRIBED_GROUPS_BYTES_MAX / EDGE_FANOUT_MAX)

interface DueGroup {
  readonly index: number
  readonly groupId: string
  /** What its description may take. */
  readonly maxBytes: number
}

/**
 * Side by side go as many as have room for all they may take, so that never more than that is on its way
 * here. A group that takes more than its share comes after all others, with room for what it takes.
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
  let due = groupIds.map((groupId, index): DueGroup => ({ index, groupId, maxBytes: SHARE_BYTES }))
  while (due.length > 0) {
    const round = due.slice(0, countFitting(due, leftBytes))
    if (round.length === 0) break
    due = due.slice(round.length)
    await fanOut(round, async (group) => {
      try {
        const description = await describe(group.groupId, group.maxBytes)
        leftBytes -= bytesOf(description)
        outcomes[group.index] = description
      } catch (error) {
        if (!(error instanceof EdgelogError)) throw error
        const sizeBytes = sizeOfLarger(error)
        if (sizeBytes === undefined) outcomes[group.index] = error
        else if (sizeBytes <= DESCRIBED_GROUPS_BYTES_MAX) {
          due.push({ ...group, maxBytes: sizeBytes })
        } else {
          outcomes[group.index] = descriptionTooLarge(sizeBytes, DESCRIBED_GROUPS_BYTES_MAX)
        }
      }
    })
  }
  for (const { index } of due) outcomes[index] = noRoom()
  return outcomes
}

/** How many of the first have room for all they may take. */
function countFitting(due: readonly DueGroup[], leftBytes: number): number {
  let roomBytes = leftBytes
  const fitting = due.findIndex(({ maxBytes }) => {
    roomBytes -= maxBytes
    return roomBytes < 0
  })
  return fitting === -1 ? due.length : fitting
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
