/** The client for Node and edge functions beside the one for pages: the same names for the same things. */
import { expect, test } from 'vitest'
import { BrowserClient } from '../../../client/browser/browser-client.ts'
import { type Client, connect } from '../../../client/index.ts'

const SHARED = ['send', 'sendBatch', 'flush', 'consumer', 'topic', 'close'] as const

type Shape<Type extends Record<(typeof SHARED)[number], (...args: never[]) => unknown>> = {
  readonly [Name in (typeof SHARED)[number]]: ReturnType<Type[Name]> extends Promise<unknown>
    ? 'async'
    : 'sync'
}
/** The compiler refuses this line for a method that is async in one client only. */
const SHAPE: Shape<Client> & Shape<BrowserClient> = {
  send: 'async',
  sendBatch: 'async',
  flush: 'async',
  consumer: 'async',
  topic: 'sync',
  close: 'async',
}

test.each(SHARED)('both clients have %s(), of the same shape', (name) => {
  expect(connect({ url: 'http://localhost' })[name]).toBeTypeOf('function')
  expect(BrowserClient.prototype[name]).toBeTypeOf('function')
  expect(SHAPE[name]).toMatch(/^(async|sync)$/)
})
