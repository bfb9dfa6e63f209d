/** The routes of consumer groups and their members. */

import { readJson } from '../app/body.ts'
import { type AppContext, brokerOf } from '../app/env.ts'
import { errorResponses, jsonResponses } from '../app/responses.ts'
import { type App, addRoute, parseWith } from '../app/route.ts'
import { NoParams, NoQuery } from '../app/schemas.ts'
import { parseAssignorName } from '../core/group/assign/assignor.ts'
import type { GroupSummary, HeartbeatRequest } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import { GROUP_BODY_BYTES_MAX } from '../core/limits.ts'
import { parseTopicName } from '../core/topic/topic-name.ts'
import {
  DescribeGroupQuery,
  GroupParams,
  GroupResponse,
  GroupsQuery,
  GroupsResponse,
  HeartbeatBody,
  HeartbeatResponse,
} from './group-schemas.ts'
import { MEDIA_TYPES } from './schemas.ts'

/** Removes the fields that only Kafka's protocol returns. */
function shownGroup<Group extends GroupSummary>(
  group: Group,
): Omit<Group, 'lastProtocol' | 'protocolType'> {
  const { lastProtocol: _, protocolType: __, ...shown } = group
  return shown
}

export function addGroupRoutes(app: App): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/groups',
      summary: 'List the groups by id, page by page',
      responses: jsonResponses(200, GroupsResponse, 'A page of groups'),
    },
    { params: NoParams, query: GroupsQuery },
    async (c, { query }) => {
      const page = await brokerOf(c).groups.list(query)
      return c.json({ ...page, groups: page.groups.map(shownGroup) })
    },
  )

  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/groups/{group}',
      summary: 'Describe one group: its members, their assignments and the lag',
      responses: jsonResponses(200, GroupResponse, 'The group'),
    },
    { params: GroupParams, query: DescribeGroupQuery },
    async (c, { params, query }) => {
      const { groups } = brokerOf(c)
      const group = await groups.describe(params.group)
      if (!query.lag) return c.json(shownGroup(group))
      const offsets = await groups.describeLag(params.group, group)
      const totalLag = offsets.reduce((sum, { lag }) => sum + lag, 0)
      return c.json({ ...shownGroup(group), offsets, totalLag })
    },
  )

  addRoute(
    app,
    {
      method: 'delete',
      path: '/v1/groups/{group}',
      summary: 'Delete a group without members, with its offsets',
      responses: { 204: { description: 'Deleted' }, ...errorResponses() },
    },
    { params: GroupParams, query: NoQuery },
    async (c, { params }) => {
      await brokerOf(c).groups.delete(params.group)
      return c.body(null, 204)
    },
  )

  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/groups/{group}/heartbeat',
      summary: 'Join a group, stay in it, or leave it',
      body: { content: { [MEDIA_TYPES.json]: { schema: HeartbeatBody } } },
      responses: jsonResponses(200, HeartbeatResponse, 'The assignment of the member'),
    },
    { params: GroupParams, query: NoQuery },
    async (c, { params }) => {
      const heartbeat = await readHeartbeat(c, params.group)
      return c.json(await brokerOf(c).members.heartbeat(heartbeat))
    },
  )
}

async function readHeartbeat(c: AppContext, groupId: GroupId): Promise<HeartbeatRequest> {
  const body = parseWith(HeartbeatBody, await readJson(c, GROUP_BODY_BYTES_MAX))
  const { owned, topics, assignor, memberId, instanceId, ...rest } = body
  return {
    ...withoutUndefined(rest),
    groupId,
    memberId: memberId ?? crypto.randomUUID(),
    memberEpoch: body.memberEpoch,
    instanceId: instanceId ?? null,
    clientHost: c.req.header('cf-connecting-ip') ?? '',
    mayNameUnknownTopics: false,
    ...(topics && { topics: topics.map((name, i) => parseTopicName(name, `topics[${i}]`)) }),
    ...(assignor !== undefined && { assignor: parseAssignorName(assignor) }),
    ...(owned && {
      owned: owned.map(({ topic, topicId, partitions }, i) => ({
        topic: parseTopicName(topic, `owned[${i}].topic`),
        partitions,
        ...(topicId !== undefined && { topicId }),
      })),
    }),
  }
}

type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> }

/** Removes undefined fields: an omitted field means "unchanged". */
function withoutUndefined<T extends object>(value: T): Partial<Defined<T>> {
  const entries = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(entries) as Partial<Defined<T>>
}
