/** The sending half of a session: joined entries, marks, credit, and responses in parts. */
import { describe, expect, test } from 'vitest'
import {
  SESSION_MARK_BYTES,
  SESSION_PART_BYTES,
  SESSION_STALLED_PINGS_MAX,
  SESSION_WINDOW_BYTES,
  SESSIONS_HELD_BYTES_MAX,
} from '../../../src/core/limits.ts'
import {
  decodeSessionEntries,
  encodeSessionEntry,
  SESSION_ENTRY,
} from '../../../src/core/log/session-protocol.ts'
import { newSessionsMemory, SessionMemory } from '../../../src/http/session/session-memory.ts'
import { SessionOutput } from '../../../src/http/session/session-output.ts'

const OPEN = 1

function outputOfTest() {
  const messages: Array<Uint8Array | string> = []
  const socket = {
    readyState: OPEN,
    send: (message: Uint8Array | string) => messages.push(message),
    close() {
      this.readyState = 3
    },
  }
  const all = newSessionsMemory()
  const output = new SessionOutput(socket as unknown as WebSocket, new SessionMemory(all))
  const entries = () =>
    messages.flatMap((message) =>
      typeof message === 'string' ? [] : [...decodeSessionEntries(message)],
    )
  const marks = () =>
    messages.flatMap((message) => {
      const { op, mark } = typeof message === 'string' ? JSON.parse(message) : {}
      return op === 'mark' ? [mark as number] : []
    })
  return { messages, output, entries, marks, all }
}

const entry = (id: number, sizeBytes = 10) =>
  encodeSessionEntry(SESSION_ENTRY.refused, id, new Uint8Array(sizeBytes))
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('entries', () => {
  test('of one turn share a message', async () => {
    const { messages, output, entries } = outputOfTest()
    output.send(entry(1))
    output.send(entry(2))
    expect(messages.length).toBe(0)
    await settle()
    output.send(entry(3))
    await settle()
    expect(messages.length).toBe(2)
    expect(entries().map(({ id }) => id)).toEqual([1, 2, 3])
  })

  test('come before the text that is sent after them', async () => {
    const { messages, output } = outputOfTest()
    output.send(entry(1))
    output.notify({ op: 'ping' })
    expect(messages.map((message) => typeof message)).toEqual(['object', 'string'])
  })

  test('are dropped when the socket is closed', async () => {
    const { messages, output } = outputOfTest()
    output.close(1000, '')
    output.send(entry(1))
    output.notify({ op: 'ping' })
    await settle()
    expect(messages.length).toBe(0)
  })
})

describe('responses in parts', () => {
  const kindsOf = (entries: ReadonlyArray<{ kind: number }>) => entries.map(({ kind }) => kind)

  test.each([0, 1, SESSION_PART_BYTES, SESSION_PART_BYTES + 1, 3 * SESSION_PART_BYTES])(
    'carry %i bytes',
    async (sizeBytes) => {
      const { output, entries } = outputOfTest()
      const bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => index)
      await output.sendParts(5, bytes)
      await settle()
      const { part, lastPart } = SESSION_ENTRY
      const count = Math.max(1, Math.ceil(sizeBytes / SESSION_PART_BYTES))
      expect(kindsOf(entries())).toEqual([...Array(count - 1).fill(part), lastPart])
      expect(Buffer.concat(entries().map(({ content }) => content))).toEqual(Buffer.from(bytes))
    },
  )

  test('stop without credit, and continue with it', async () => {
    const { output, entries, marks } = outputOfTest()
    const sent = output.sendParts(5, new Uint8Array(2 * SESSION_WINDOW_BYTES))
    await settle()
    const sentBytes = () => entries().reduce((sum, { content }) => sum + content.length, 0)
    expect(sentBytes()).toBeGreaterThan(SESSION_WINDOW_BYTES - SESSION_MARK_BYTES)
    expect(sentBytes()).toBeLessThanOrEqual(SESSION_WINDOW_BYTES + SESSION_PART_BYTES)
    expect(output.hasCredit).toBe(false)
    expect(output.consumed(marks().at(-1) as number)).toBe(true)
    await sent
    expect(sentBytes()).toBe(2 * SESSION_WINDOW_BYTES)
  })

  test('take turns, so that a short one does not wait for a long one', async () => {
    const { output, entries, marks } = outputOfTest()
    const long = output.sendParts(1, new Uint8Array(2 * SESSION_WINDOW_BYTES))
    await settle()
    const short = output.sendParts(2, new Uint8Array(10))
    await settle()
    output.consumed(marks()[0] as number)
    await short
    await settle()
    expect(entries().at(-1)?.id).not.toBe(undefined)
    const lastOf = (wanted: number) => entries().findLastIndex(({ id }) => id === wanted)
    expect(lastOf(2)).toBeGreaterThan(0)
    expect(entries().some(({ id, kind }) => id === 1 && kind === SESSION_ENTRY.lastPart)).toBe(
      false,
    )
    output.close(1000, '')
    await long
  })
})

describe('marks', () => {
  test('free what was sent before them, once', async () => {
    const { output, marks, all } = outputOfTest()
    for (let id = 0; id < 5; id++) {
      output.send(entry(id, SESSION_MARK_BYTES))
      await settle()
    }
    expect(marks().length).toBe(5)
    expect(all.heldBytes).toBe(output.unconsumedBytes)
    const [first, , third] = marks() as [number, number, number]
    expect(output.consumed(third)).toBe(true)
    expect(output.unconsumedBytes).toBe(2 * (SESSION_MARK_BYTES + 9))
    expect(all.heldBytes).toBe(output.unconsumedBytes)
    expect(output.consumed(first)).toBe(false)
    expect(output.consumed(third)).toBe(false)
    expect(new Set(marks()).size).toBe(5)
  })

  test('that are not echoed for some pings show a client that has stalled', async () => {
    const { output, marks } = outputOfTest()
    void output.sendParts(5, new Uint8Array(2 * SESSION_WINDOW_BYTES))
    await settle()
    for (let ping = 1; ping < SESSION_STALLED_PINGS_MAX; ping++) expect(output.ping()).toBe(true)
    expect(output.ping()).toBe(false)
    output.consumed(marks()[8] as number)
    await settle()
    expect(output.ping()).toBe(true)
  })
})

describe('the memory of all sessions', () => {
  test('lets a session with an even share go on, and refuses one with more', () => {
    const all = newSessionsMemory()
    const small = new SessionMemory(all)
    const large = new SessionMemory(all)
    small.hold(1_000)
    large.hold(SESSIONS_HELD_BYTES_MAX - 1_000)
    large.check()
    large.hold(1)
    expect(() => large.check()).toThrow('hold too many bytes')
    small.check()
    large.release()
    large.hold(5)
    large.release()
    expect(all).toEqual({ sessionsCount: 1, heldBytes: 1_000 })
  })
})
