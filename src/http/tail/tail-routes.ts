/**
 * The routes of the live tail: server-sent events for one topic; for any number of partitions a WebSocket or, if the
 * network blocks WebSockets, an event stream or long polls.
 */

import { readJson } from '../../app/body.ts'
import { brokerOf } from '../../app/env.ts'
import { negotiate } from '../../app/negotiate.ts'
import { errorResponses } from '../../app/responses.ts'
import { type App, addRoute, parseWith } from '../../app/route.ts'
import { NoParams, NoQuery } from '../../app/schemas.ts'
import { EdgelogError } from '../../core/errors.ts'
import { TAIL_BODY_BYTES_MAX, TAIL_STREAM_CREDIT_BYTES_MAX } from '../../core/limits.ts'
import { TAIL_PARTS_SUBPROTOCOL, TAIL_SUBPROTOCOL } from '../../core/log/tail-protocol.ts'
import { MEDIA_TYPES, TailQuery, TopicParams } from '../schemas.ts'
import { TailConnection } from './tail-connection.ts'
import { openTailPoll } from './tail-poll.ts'
import { TailBody, type TailSubscription } from './tail-schemas.ts'
import { newStreamMemory, openTailStream } from './tail-stream.ts'
import { openEventStream } from './topic-events.ts'

const EVENT_STREAM_HEADERS = {
  'Content-Type': MEDIA_TYPES.sse,
  'Cache-Control': 'no-store',
  // Some proxies buffer a response before they forward it.
  'X-Accel-Buffering': 'no',
}

export function addTailRoutes(app: App): void {
  const memory = newStreamMemory()
  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/topics/{topic}/records',
      summary: 'Follow all partitions of a topic as server-sent events',
      description:
        'The `id` of an event is a cursor: `Last-Event-ID` or `cursor` resumes after it.',
      responses: {
        200: {
          description: 'One event per record',
          content: { [MEDIA_TYPES.sse]: { schema: { type: 'string' } } },
        },
        ...errorResponses(),
      },
    },
    { params: TopicParams, query: TailQuery },
    async (c, { params, query }) => {
      negotiate(c, [MEDIA_TYPES.sse])
      const stream = await openEventStream(brokerOf(c), params.topic, {
        offset: query.offset,
        cursor: c.req.header('last-event-id') ?? query.cursor,
        isolation: query.isolation,
      })
      return new Response(stream, { headers: EVENT_STREAM_HEADERS })
    },
  )

  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/tail',
      summary: 'Follow any number of partitions over one WebSocket',
      description: 'The messages are in docs/PROTOCOL.md.',
      responses: { 101: { description: 'Switched to the tail protocol' }, ...errorResponses() },
    },
    { params: NoParams, query: NoQuery },
    async (c) => {
      if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') {
        throw new EdgelogError('invalid_request', 'Upgrade: websocket is needed')
      }
      const pair = new WebSocketPair()
      const offered = (c.req.header('sec-websocket-protocol') ?? '').split(',')
      const names = offered.map((protocol) => protocol.trim())
      const chosen = [TAIL_PARTS_SUBPROTOCOL, TAIL_SUBPROTOCOL].find((name) => names.includes(name))
      new TailConnection(pair[1], brokerOf(c), chosen === TAIL_PARTS_SUBPROTOCOL).open()
      return new Response(null, {
        status: 101,
        webSocket: pair[0],
        headers: chosen === undefined ? {} : { 'Sec-WebSocket-Protocol': chosen },
      })
    },
  )

  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/tail',
      summary: 'Follow any number of partitions as an event stream, or by long polls',
      description: '`Accept` chooses which. The messages are in docs/PROTOCOL.md.',
      body: { content: { [MEDIA_TYPES.json]: { schema: TailBody } } },
      responses: {
        200: {
          description: 'Notices and frames',
          content: {
            [MEDIA_TYPES.sse]: { schema: { type: 'string' } },
            [MEDIA_TYPES.tail]: { schema: { type: 'string', format: 'binary' } },
          },
        },
        ...errorResponses(),
      },
    },
    { params: NoParams, query: NoQuery },
    async (c) => {
      const mediaType = negotiate(c, [MEDIA_TYPES.sse, MEDIA_TYPES.tail])
      const body = parseWith(TailBody, await readJson(c, TAIL_BODY_BYTES_MAX))
      const subscriptions = shareCredit(body.subscriptions)
      if (mediaType === MEDIA_TYPES.sse) {
        const stream = openTailStream(brokerOf(c), subscriptions, memory)
        return new Response(stream, { headers: EVENT_STREAM_HEADERS })
      }
      const response = openTailPoll(brokerOf(c), subscriptions, body.waitMs)
      return new Response(response, { headers: { 'Content-Type': MEDIA_TYPES.tail } })
    },
  )
}

/** Divides the credit. Frames ahead of the reader are in this memory, not in the network as with a WebSocket. */
function shareCredit(subscriptions: readonly TailSubscription[]): TailSubscription[] {
  const shareBytes = Math.floor(TAIL_STREAM_CREDIT_BYTES_MAX / subscriptions.length)
  return subscriptions.map((subscription) => ({
    ...subscription,
    creditBytes: Math.min(subscription.creditBytes, shareBytes),
  }))
}
