/** The routes of topics. */

import { readJson } from '../app/body.ts'
import { brokerOf } from '../app/env.ts'
import { errorResponses, jsonResponses } from '../app/responses.ts'
import { type App, addRoute, parseWith } from '../app/route.ts'
import { NoParams, NoQuery } from '../app/schemas.ts'
import { EdgelogError } from '../core/errors.ts'
import { ADMIN_BODY_BYTES_MAX } from '../core/limits.ts'
import type { PartitionDescription } from '../core/log/partition-api.ts'
import type { Topic } from '../core/topic/topic.ts'
import {
  parseTopicConfigChange,
  parseTopicConfigOverrides,
  topicConfigToJson,
} from '../core/topic/topic-config.ts'
import { parseTopicName } from '../core/topic/topic-name.ts'
import {
  DeleteRecordsBody,
  DescribeTopicQuery,
  LogStartResponse,
  MEDIA_TYPES,
  NewTopicBody,
  PartitionParams,
  TopicChangeBody,
  TopicParams,
  TopicResponse,
  TopicsResponse,
} from './schemas.ts'

function topicJson(topic: Topic, partitionDetails?: readonly PartitionDescription[]) {
  const { name, id, partitions, overrides } = topic
  const json = { name, id, partitions, config: topicConfigToJson(overrides) }
  return partitionDetails === undefined ? json : { ...json, partitionDetails }
}

export function addTopicRoutes(app: App): void {
  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/topics',
      summary: 'Create a topic',
      body: { content: { [MEDIA_TYPES.json]: { schema: NewTopicBody } } },
      responses: jsonResponses(201, TopicResponse, 'Created'),
    },
    { params: NoParams, query: NoQuery },
    async (c) => {
      const body = parseWith(NewTopicBody, await readJson(c, ADMIN_BODY_BYTES_MAX))
      const topic = await brokerOf(c).topics.create({
        name: parseTopicName(body.name),
        partitions: body.partitions ?? 1,
        overrides: parseTopicConfigOverrides(body.config ?? {}),
        ...(body.locationHint && { locationHint: body.locationHint }),
      })
      return c.json(topicJson(topic), 201, { Location: `/v1/topics/${topic.name}` })
    },
  )

  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/topics',
      summary: 'List the topics by name',
      responses: jsonResponses(200, TopicsResponse, 'All topics'),
    },
    { params: NoParams, query: NoQuery },
    async (c) => {
      const all = await brokerOf(c).topics.list()
      return c.json({ topics: all.map((topic) => topicJson(topic)) })
    },
  )

  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/topics/{topic}',
      summary: 'Describe one topic and its partitions',
      responses: jsonResponses(200, TopicResponse, 'The topic'),
    },
    { params: TopicParams, query: DescribeTopicQuery },
    async (c, { params, query }) => {
      const { topics } = brokerOf(c)
      const topic = await topics.lookUp(params.topic, 'describe')
      if (!query.partitionDetails) return c.json(topicJson(topic))
      return c.json(topicJson(topic, await topics.describePartitions(topic)))
    },
  )

  addRoute(
    app,
    {
      method: 'patch',
      path: '/v1/topics/{topic}',
      summary: 'Add partitions, change config',
      body: { content: { [MEDIA_TYPES.json]: { schema: TopicChangeBody } } },
      responses: jsonResponses(200, TopicResponse, 'Changed'),
    },
    { params: TopicParams, query: NoQuery },
    async (c, { params }) => {
      const body = parseWith(TopicChangeBody, await readJson(c, ADMIN_BODY_BYTES_MAX))
      if (body.partitions === undefined && body.config === undefined) {
        throw new EdgelogError('invalid_request', 'body: partitions or config is needed')
      }
      const topic = await brokerOf(c).topics.change(params.topic, {
        ...(body.partitions !== undefined && { partitions: body.partitions }),
        ...(body.config && { overrides: parseTopicConfigChange(body.config) }),
      })
      return c.json(topicJson(topic))
    },
  )

  addRoute(
    app,
    {
      method: 'delete',
      path: '/v1/topics/{topic}',
      summary: 'Delete a topic and all its records',
      responses: { 204: { description: 'Deleted' }, ...errorResponses() },
    },
    { params: TopicParams, query: NoQuery },
    async (c, { params }) => {
      await brokerOf(c).topics.delete(params.topic)
      return c.body(null, 204)
    },
  )

  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/topics/{topic}/partitions/{partition}/delete-records',
      summary: 'Delete the records of a partition below an offset',
      body: { content: { [MEDIA_TYPES.json]: { schema: DeleteRecordsBody } } },
      responses: jsonResponses(200, LogStartResponse, 'Deleted'),
    },
    { params: PartitionParams, query: NoQuery },
    async (c, { params: { topic, partition } }) => {
      const body = parseWith(DeleteRecordsBody, await readJson(c, ADMIN_BODY_BYTES_MAX))
      const beforeOffset = body.beforeOffset === 'latest' ? 'highWatermark' : body.beforeOffset
      const { records } = brokerOf(c)
      const logStartOffset = await records.deleteBefore({ name: topic }, partition, beforeOffset)
      return c.json({ logStartOffset })
    },
  )
}
