/** Delivery of messages between tabs and to listeners. */
import { expect, test } from 'vitest'
import type { BrowserEvents } from '../../../client/browser/session/events.ts'
import {
  type BroadcastPort,
  Channel,
  type MessageOf,
} from '../../../client/browser/tabs/channel.ts'
import { Emitter } from '../../../client/emitter.ts'

const NEWS: MessageOf<'news'> = {
  kind: 'news',
  topic: 't',
  partition: 0,
  endOffset: 1,
  highWatermark: 1,
}
/** Bounds the test in case the calls do not end. */
const CALLS_MAX = 10

/** Adds a listener again at each call. */
function renewing(listen: (listener: () => void) => () => void): { calls: number } {
  const told = { calls: 0 }
  let end = () => {}
  const begin = () => {
    end()
    end = listen(() => {
      told.calls += 1
      if (told.calls < CALLS_MAX) begin()
    })
  }
  begin()
  return told
}

class FakePort implements BroadcastPort {
  static opened: FakePort[] = []
  onmessage: BroadcastPort['onmessage'] = null
  readonly name: string
  readonly posted: unknown[] = []

  constructor(name: string) {
    this.name = name
    FakePort.opened.push(this)
  }

  postMessage(message: unknown): void {
    this.posted.push(message)
  }
  close(): void {}
}

test('a listener that is added during a call receives the next message only', () => {
  const emitter = new Emitter<BrowserEvents>()
  const outbox = renewing((listener) => emitter.on('outbox', listener))
  emitter.emit('outbox', undefined)
  expect(outbox.calls).toBe(1)

  const channel = new Channel('name', FakePort)
  const follows = renewing((listener) => channel.listen('follows', listener))
  FakePort.opened.at(-1)?.onmessage?.({ data: { kind: 'follows' } })
  expect(follows.calls).toBe(1)

  const heard = renewing((listener) => channel.listen('news', listener))
  channel.publish(NEWS)
  expect(heard.calls).toBe(1)
  channel.publish(NEWS)
  expect(heard.calls).toBe(2)
})

test("tabs whose messages have another version do not receive each other's messages", () => {
  new Channel('name', FakePort)
  expect(FakePort.opened.at(-1)?.name).toBe('name 1')
})

test('the channel ignores invalid messages', () => {
  const channel = new Channel('name', FakePort)
  let calls = 0
  channel.listen('follows', () => {
    calls += 1
  })
  for (const data of [null, undefined, 7, {}, { kind: 'later' }]) {
    FakePort.opened.at(-1)?.onmessage?.({ data })
  }
  expect(calls).toBe(0)
})

test('publish() delivers in this tab and posts to the others, post() only posts', () => {
  const channel = new Channel('name', FakePort)
  const port = FakePort.opened.at(-1) as FakePort
  const received: unknown[] = []
  channel.listen('news', (news) => received.push(news))
  channel.publish(NEWS)
  expect(received).toEqual([NEWS])
  expect(port.posted).toEqual([NEWS])
  channel.post(NEWS)
  expect(received).toEqual([NEWS])
  expect(port.posted).toEqual([NEWS, NEWS])
})

test('a channel without a name delivers only in this tab', () => {
  const openedCount = FakePort.opened.length
  const channel = new Channel(null, FakePort)
  const received: unknown[] = []
  channel.listen('news', (news) => received.push(news))
  channel.publish(NEWS)
  expect(received).toEqual([NEWS])
  expect(channel.isOpen).toBe(false)
  expect(FakePort.opened).toHaveLength(openedCount)
})
