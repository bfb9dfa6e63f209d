/** The real server for tests of groups, a client of it, and members that are closed after each test. */
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type Client, connect, type GroupConsumerOptions } from '../../client/index.ts'
import { sharedServerUrl } from '../server/shared-server.ts'
import { type Member, startMember } from './group-member.ts'

export interface GroupServer {
  readonly log: Client
  readonly url: string
  member(options: Partial<GroupConsumerOptions> & { readonly groupId: string }): Promise<Member>
}

export function useGroupServer(): GroupServer {
  let log: Client
  const clients: Client[] = []
  beforeAll(async () => {
    log = connect({ url: sharedServerUrl() })
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
  })
  afterAll(async () => {
    await log.close()
  })
  return {
    get log() {
      return log
    },
    get url() {
      return sharedServerUrl()
    },
    async member(options) {
      const started = await startMember(sharedServerUrl(), options)
      clients.push(started.client)
      return started
    },
  }
}
