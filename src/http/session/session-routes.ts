/** The route of sessions. */
import { callerOf } from '../../app/access.ts'
import { type AppContext, brokerOf } from '../../app/env.ts'
import { errorResponses } from '../../app/responses.ts'
import { type App, addRoute } from '../../app/route.ts'
import { NoParams, NoQuery } from '../../app/schemas.ts'
import { EdgelogError } from '../../core/errors.ts'
import { KAFKA_SESSION_CALLS_MAX_DEFAULT } from '../../core/limits.ts'
import { SESSION_SUBPROTOCOL } from '../../core/log/session-protocol.ts'
import { numberSetting } from '../../events/number-setting.ts'
import { Session } from './session.ts'
import { SessionCalls } from './session-calls.ts'
import { newSessionsMemory, SessionMemory, type SessionsMemory } from './session-memory.ts'
import { SessionOutput } from './session-output.ts'

export function addSessionRoutes(app: App): void {
  const memory = newSessionsMemory()
  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/session',
      summary: 'Append, call and follow over one WebSocket',
      description: 'The messages are in docs/PROTOCOL.md.',
      responses: { 101: { description: 'Switched to a session' }, ...errorResponses() },
    },
    { params: NoParams, query: NoQuery },
    async (c) => {
      if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') {
        throw new EdgelogError('invalid_request', 'Upgrade: websocket is needed')
      }
      const offered = (c.req.header('sec-websocket-protocol') ?? '').split(',')
      if (!offered.some((protocol) => protocol.trim() === SESSION_SUBPROTOCOL)) {
        throw new EdgelogError(
          'invalid_request',
          `Sec-WebSocket-Protocol: ${SESSION_SUBPROTOCOL} is needed`,
        )
      }
      return new Response(null, {
        status: 101,
        webSocket: openSession(app, c, memory),
        headers: { 'Sec-WebSocket-Protocol': SESSION_SUBPROTOCOL },
      })
    },
  )
}

/** Opens a session. Returns the client's end of its WebSocket. */
function openSession(app: App, c: AppContext, allMemory: SessionsMemory): WebSocket {
  const { 0: client, 1: socket } = new WebSocketPair()
  const memory = new SessionMemory(allMemory)
  const output = new SessionOutput(socket, memory)
  const broker = brokerOf(c)
  const env = { ...c.env, callMeter: broker.meter }
  const callApp = async (request: Request) => await app.fetch(request, env)
  const calls = new SessionCalls(c.req.raw, output, memory, callApp)
  const callsMax = numberSetting(
    'EDGELOG_SESSION_CALLS_MAX',
    c.env.EDGELOG_SESSION_CALLS_MAX,
    KAFKA_SESSION_CALLS_MAX_DEFAULT,
  )
  const callerError = () => {
    const caller = callerOf(c)
    return caller instanceof EdgelogError ? caller : undefined
  }
  new Session({ socket, output, memory, calls, broker, callsMax, callerError }).open()
  return client
}
