/** The routes of the live tail: server-sent events for one topic, a WebSocket for any number. */
import { EdgelogError } from '../core/errors.ts'
import { errorResponses } from './answers.ts'
import { clusterOf } from './env.ts'
import { negotiate } from './fetch.ts'
import { type App, addRoute } from './route.ts'
import { MEDIA_TYPES, NoParams, NoQuery, TailQuery, TopicParams } from './schemas.ts'
import { openEventStream } from './sse.ts'
import { TAIL_SUBPROTOCOL, TailConnection } from './tail-connection.ts'

export function addTailRoutes(app: App): void {
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
          description: 'One event a record',
          content: { [MEDIA_TYPES.sse]: { schema: { type: 'string' } } },
        },
        ...errorResponses(),
      },
    },
    { params: TopicParams, query: TailQuery },
    async (c, { params, query }) => {
      negotiate(c, [MEDIA_TYPES.sse])
      const stream = await openEventStream(clusterOf(c), params.topic, {
        offset: query.offset,
        cursor: c.req.header('last-event-id') ?? query.cursor,
      })
      return new Response(stream, {
        headers: {
          'Content-Type': MEDIA_TYPES.sse,
          'Cache-Control': 'no-store',
          // Some proxies collect an answer before they pass it on.
          'X-Accel-Buffering': 'no',
        },
      })
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
      new TailConnection(pair[1], clusterOf(c)).open()
      const offered = c.req.header('sec-websocket-protocol')?.split(',') ?? []
      const isOffered = offered.some((protocol) => protocol.trim() === TAIL_SUBPROTOCOL)
      return new Response(null, {
        status: 101,
        webSocket: pair[0],
        headers: isOffered ? { 'Sec-WebSocket-Protocol': TAIL_SUBPROTOCOL } : {},
      })
    },
  )
}
