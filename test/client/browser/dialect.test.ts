/** The client for Node and edge functions beside the one for pages: the same names for the same things. */
import { expect, test } from 'vitest'
import { BrowserClient } from '../../../client/browser/browser-client.ts'
import type { BrowserTable } from '../../../client/browser/table/browser-table.ts'
import { type Client, connect, type Table } from '../../../client/index.ts'

const SHARED = ['send', 'sendBatch', 'flush', 'consumer', 'topic', 'table', 'close'] as const

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
  table: 'sync',
  close: 'async',
}

/** The compiler refuses this line if a page calls a table otherwise than Node. */
const TABLE = (table: BrowserTable<string>): Pick<Table<string>, keyof Table<string>> => table

test.each(SHARED)('both clients have %s(), of the same shape', (name) => {
  expect(connect({ url: 'http://localhost' })[name]).toBeTypeOf('function')
  expect(BrowserClient.prototype[name]).toBeTypeOf('function')
  expect(SHAPE[name]).toMatch(/^(async|sync)$/)
})

test('a table has the same methods in both clients', () => {
  const url = 'http://localhost'
  const page = new BrowserClient({ url })
  const tables = [TABLE(page.table<string>('t')), connect({ url }).table<string>('t')]
  void page.close()
  for (const table of tables) {
    for (const name of ['get', 'entries', 'watch'] as const) {
      expect(table[name]).toBeTypeOf('function')
    }
  }
})
