/**
 * Two apps over one log: below `/guarded` one whose authorizer denies every topic and group with a
 * name that begins with `secret`, and all cluster operations; elsewhere one that allows everything.
 */
import { createApp } from '../../src/app/app.ts'
import type { EdgelogEnv } from '../../src/app/bindings.ts'
import { httpDoor } from '../../src/http/door.ts'
import { kafkaDoor } from '../../src/kafka/door.ts'

export { Coordinator } from '../../durable-objects/coordinator/coordinator.ts'
export { Group } from '../../durable-objects/group/group.ts'
export { Partition } from '../../durable-objects/partition/partition.ts'

const doors = [httpDoor, kafkaDoor]
const all = createApp({ doors })
const guarded = createApp({
  doors,
  authorizer: async (_, __, { type, name }) => type !== 'cluster' && !name.startsWith('secret'),
})

const PREFIX = '/guarded'

export default {
  async fetch(request: Request, env: EdgelogEnv, context: ExecutionContext): Promise<Response> {
    const url = new URL(request.url)
    if (!url.pathname.startsWith(PREFIX)) return await all.fetch(request, env, context)
    url.pathname = url.pathname.slice(PREFIX.length)
    return await guarded.fetch(new Request(url, request), env, context)
  },
}
