/** The routes of committed offsets. */

import type { z } from '@hono/zod-openapi'
import { readJson } from '../app/body.ts'
import { brokerOf } from '../app/env.ts'
import { errorResponses, jsonResponses } from '../app/responses.ts'
import { type App, addRoute, parseWith } from '../app/route.ts'
import { NoQuery } from '../app/schemas.ts'
import type { NamedOffset } from '../broker/committed-offsets.ts'
import type { ResetTarget } from '../broker/reset-offsets.ts'
import { utf8Length } from '../core/bytes/utf8-length.ts'
import { EdgelogError } from '../core/errors.ts'
import type { CommittingMember } from '../core/group/group-api.ts'
import { GROUP_BODY_BYTES_MAX, OFFSET_METADATA_BYTES_MAX } from '../core/limits.ts'
import { parseTopicName } from '../core/topic/topic-name.ts'
import {
  CommitBody,
  CommittedOffsetsResponse,
  DeleteOffsetsQuery,
  FetchOffsetsQuery,
  GroupParams,
  ResetBody,
  ResetResponse,
} from './group-schemas.ts'
import { MEDIA_TYPES } from './schemas.ts'

const PATH = '/v1/groups/{group}/offsets'

export function addGroupOffsetRoutes(app: App): void {
  addRoute(
    app,
    {
      method: 'post',
      path: PATH,
      summary: 'Commit offsets, as a member or without one',
      body: { content: { [MEDIA_TYPES.json]: { schema: CommitBody } } },
      responses: { 204: { description: 'All offsets are committed' }, ...errorResponses() },
    },
    { params: GroupParams, query: NoQuery },
    async (c, { params }) => {
      const body = parseWith(CommitBody, await readJson(c, GROUP_BODY_BYTES_MAX))
      const named = body.offsets.map((offset, index) => parseOffset(offset, `offsets[${index}]`))
      await brokerOf(c).offsets.commit(params.group, committingMember(body), named)
      return c.body(null, 204)
    },
  )

  addRoute(
    app,
    {
      method: 'get',
      path: PATH,
      summary: 'Fetch the committed offsets of a group',
      responses: jsonResponses(200, CommittedOffsetsResponse, 'By topic and partition'),
    },
    { params: GroupParams, query: FetchOffsetsQuery },
    async (c, { params, query }) => {
      const topic = query.topic === undefined ? undefined : parseTopicName(query.topic, 'topic')
      const { offsets } = brokerOf(c)
      const committed = await offsets.fetch(params.group, topic, query.requireStable)
      return c.json({ offsets: committed.map(({ topicId: _, ...offset }) => offset) })
    },
  )

  addRoute(
    app,
    {
      method: 'delete',
      path: PATH,
      summary: 'Delete the offsets of a topic that no member subscribes to',
      responses: { 204: { description: 'Deleted' }, ...errorResponses() },
    },
    { params: GroupParams, query: DeleteOffsetsQuery },
    async (c, { params, query }) => {
      const topic = parseTopicName(query.topic, 'topic')
      const { partition = null } = query
      await brokerOf(c).offsets.delete(params.group, topic, partition)
      return c.body(null, 204)
    },
  )

  addRoute(
    app,
    {
      method: 'post',
      path: `${PATH}/reset`,
      summary: 'Reset the offsets of a group without members',
      body: { content: { [MEDIA_TYPES.json]: { schema: ResetBody } } },
      responses: jsonResponses(200, ResetResponse, 'The offsets that were, or would be, committed'),
    },
    { params: GroupParams, query: NoQuery },
    async (c, { params }) => {
      const body = parseWith(ResetBody, await readJson(c, GROUP_BODY_BYTES_MAX))
      const topics =
        body.topics?.map(({ topic, partitions }, index) => ({
          topic: parseTopicName(topic, `topics[${index}].topic`),
          ...(partitions && { partitions }),
        })) ?? null
      const request = { target: resetTarget(body), topics, dryRun: body.dryRun }
      const reset = await brokerOf(c).offsets.reset(params.group, request)
      return c.json({ offsets: reset, dryRun: body.dryRun })
    },
  )
}

/** @throws {EdgelogError} `invalid_request`. */
export function committingMember(
  body: Pick<z.output<typeof CommitBody>, 'memberId' | 'memberEpoch' | 'instanceId'>,
): CommittingMember | null {
  const { memberId, memberEpoch, instanceId = null } = body
  if (memberId === undefined && memberEpoch === undefined && instanceId === null) return null
  if (memberId === undefined || memberEpoch === undefined) {
    throw new EdgelogError(
      'invalid_request',
      'memberId: memberId and memberEpoch must be given together, or both omitted',
    )
  }
  return { memberId, epoch: memberEpoch, instanceId }
}

/** @throws {EdgelogError} `offset_metadata_too_large`, `invalid_topic`. */
export function parseOffset(
  offset: z.output<typeof CommitBody>['offsets'][number],
  field: string,
): NamedOffset {
  if (utf8Length(offset.metadata) > OFFSET_METADATA_BYTES_MAX) {
    throw new EdgelogError(
      'offset_metadata_too_large',
      `${field}.metadata: at most ${OFFSET_METADATA_BYTES_MAX} bytes are allowed`,
    )
  }
  return { ...offset, topic: parseTopicName(offset.topic, `${field}.topic`) }
}

function resetTarget({ to, offset, timestamp, shiftBy }: z.output<typeof ResetBody>): ResetTarget {
  const targets: ResetTarget[] = []
  if (to !== undefined) targets.push({ to })
  if (offset !== undefined) targets.push({ offset })
  if (timestamp !== undefined) targets.push({ timestamp })
  if (shiftBy !== undefined) targets.push({ shiftBy })
  const [target] = targets
  if (target !== undefined && targets.length === 1) return target
  throw new EdgelogError('invalid_request', 'body: one of to, offset, timestamp, shiftBy is needed')
}
