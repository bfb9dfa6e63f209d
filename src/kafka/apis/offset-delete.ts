/** Kafka's OffsetDelete (key 47): deletes the committed offsets of a group for some partitions (KIP-496). */
import { fanOut } from '../../broker/fan-out.ts'
import { parseGroupId } from '../../core/group/group-id.ts'
import {
  array,
  int16,
  int32,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { errorNumbersOf, NO_ERROR, toResult } from '../error-number.ts'
import { handled } from '../handled.ts'

const { errorNumber } = errorNumbersOf('group')

export const OFFSET_DELETE = messages({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexibleSince: null,
  request: {
    groupId: string,
    topics: array({ name: string, partitions: array({ partitionIndex: int32 }) }),
  },
  response: {
    errorCode: int16,
    throttleTimeMs: int32.or(0),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
})

export type OffsetDeleteRequest = RequestOf<typeof OFFSET_DELETE>
export type OffsetDeleteResponse = ResponseOf<typeof OFFSET_DELETE>

export const offsetDeleteApi = handled(OFFSET_DELETE, async (request, { broker }) => {
  try {
    const groupId = parseGroupId(request.groupId)
    // The group must exist, whatever the request deletes.
    await broker.groups.checkExists(groupId, 'delete')
    return {
      errorCode: NO_ERROR,
      topics: await fanOut(request.topics, async ({ name, partitions }) => ({
        name,
        partitions: await fanOut(partitions, async ({ partitionIndex }) => {
          const work = () => broker.offsets.delete(groupId, parseTopicName(name), partitionIndex)
          const refusal = await toResult(work)
          const errorCode = refusal === undefined ? NO_ERROR : errorNumber(refusal)
          return { partitionIndex, errorCode }
        }),
      })),
    }
  } catch (error) {
    return { errorCode: errorNumber(error), topics: [] }
  }
})
