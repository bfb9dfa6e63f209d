/** The real server for tests of groups, a client of it, and members that are closed after each test. */
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type Client, connect, type GroupConsumerOptions } from '../../client/index.ts'
import { type Member, startMember } from './group-member.ts'
import { startTestServer, type TestServer } from './test-server.ts'

export interface GroupServer {
  readonly log: Client
  readonly url: string
  member(options: Partial<GroupConsumerOptions> & { readonly groupId: string }): Member
}

export function useGroupServer(): GroupServer {
  let server: TestServer
  let log: Client
  const clients: Client[] = []
  beforeAll(async () => {
    server = await startTestServer()
    log = connect({ url: server.url })
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
  })
  afterAll(async () => {
    await log.close()
    await server.remove()
  })
  return {
    get log() {
      return log
    },
    get url() {
      return server.url
    },
    member(options) {
      const started = startMember(server.url, options)
      clients.push(started.client)
      return started
    },
  }
}
