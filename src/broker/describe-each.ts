/** Describes many groups for one response, with at most `DESCRIBED_GROUPS_BYTES_MAX` in total. */
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
  /** Size of its description; undefined if not known yet. */
  readonly sizeBytes?: number
}

/** A group and the size limit of its description. */
type AskedGroup = DueGroup & { readonly maxBytes: number }

/**
 * Describes groups in parallel. Each call reserves its size limit, so the bytes in flight never exceed the budget. The
 * remaining budget is divided evenly among the next `EDGE_FANOUT_MAX` groups: small groups, which are most, never wait
 * for it. A group that exceeds its share is described after all others, with its actual size reserved.
 *
 * @param describe throws `request_too_large` with `details.sizeBytes` if the description exceeds `maxBytes`.
 * @param bytesOf returns the size of a description.
 * @returns for each group, in order, its description or an error: `throttled` if the budget is used up,
 * `request_too_large` if the group alone exceeds the budget.
 */
export async function describeEach<Description>(
  groupIds: readonly string[],
  describe: (groupId: string, maxBytes: number) => Promise<Description>,
  bytesOf: (description: Description) => number,
): Promise<Array<Description | EdgelogError>> {
  const results: Array<Description | EdgelogError> = []
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
        results[index] = description
      } catch (error) {
        if (!(error instanceof EdgelogError)) throw error
        const sizeBytes = sizeOfLarger(error)
        if (sizeBytes === undefined) results[index] = error
        else if (sizeBytes <= DESCRIBED_GROUPS_BYTES_MAX) due.push({ index, groupId, sizeBytes })
        else results[index] = descriptionTooLarge(sizeBytes, DESCRIBED_GROUPS_BYTES_MAX)
      }
    })
  }
  for (const { index } of due) results[index] = noRoom()
  return results
}

/** Returns the first groups, as many as fit. */
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

/** Returns the actual size of a group that exceeded its limit. */
function sizeOfLarger({ code, details }: EdgelogError): number | undefined {
  const sizeBytes = code === 'request_too_large' ? details?.sizeBytes : undefined
  return typeof sizeBytes === 'number' ? sizeBytes : undefined
}

function noRoom(): EdgelogError {
  const why = 'groups: the response has no room for this group; request the remaining groups again'
  return new EdgelogError('throttled', why)
}
