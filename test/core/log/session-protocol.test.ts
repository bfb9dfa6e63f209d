/** The encoding of sessions: every value is read as it was written. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { OFFSET_MAX } from '../../../src/core/limits.ts'
import {
  decodeAppend,
  decodeAppended,
  decodeHeadAndBody,
  decodeRefused,
  decodeSessionEntries,
  encodeAppend,
  encodeAppended,
  encodeHeadAndBody,
  encodeRefused,
  encodeSessionEntry,
  SESSION_ENTRY,
} from '../../../src/core/log/session-protocol.ts'
import { SEEDED } from '../../support/seed.ts'

const id = fc.nat(0xffff_ffff)
const offset = fc.integer({ min: -1, max: OFFSET_MAX })
const piece = fc.record({ recordsCount: fc.nat(0xffff_ffff), baseOffset: offset })

test('returns the appends that were encoded', () => {
  const append = fc.record({
    ref: id,
    expectedOffset: fc.option(fc.nat(OFFSET_MAX), { nil: undefined }),
    batches: fc.uint8Array(),
  })
  fc.assert(
    fc.property(fc.array(fc.tuple(id, append)), (appends) => {
      const message = concatenate(appends.map(([own, one]) => encodeAppend(own, one)))
      const entries = [...decodeSessionEntries(message)]
      expect(entries.map((entry) => [entry.id, decodeAppend(entry.content)])).toEqual(appends)
      expect(entries.every(({ kind }) => kind === SESSION_ENTRY.append)).toBe(true)
    }),
    SEEDED,
  )
})

test('returns the results that were encoded', () => {
  const appended = fc.record(
    {
      baseOffsets: fc.array(offset, { minLength: 1 }),
      nextOffset: offset,
      logAppendTime: fc.option(fc.nat(OFFSET_MAX)),
      pieces: fc.array(piece, { minLength: 1 }),
    },
    { requiredKeys: ['baseOffsets', 'nextOffset', 'logAppendTime'] },
  )
  fc.assert(
    fc.property(id, appended, (own, result) => {
      const [entry] = decodeSessionEntries(encodeAppended(own, result))
      expect(entry?.id).toBe(own)
      expect(decodeAppended(entry?.content as Uint8Array)).toEqual(result)
    }),
    SEEDED,
  )
})

test('returns heads, bodies and errors that were encoded', () => {
  fc.assert(
    fc.property(id, fc.object(), fc.uint8Array(), (own, head, body) => {
      const call = encodeSessionEntry(SESSION_ENTRY.call, own, ...encodeHeadAndBody(head, body))
      const refused = encodeRefused(own, 409, head)
      const [one, other] = decodeSessionEntries(concatenate([call, refused]))
      const text = JSON.stringify(head)
      expect(decodeHeadAndBody(one?.content as Uint8Array)).toEqual({ head: text, body })
      expect(decodeRefused(other?.content as Uint8Array)).toEqual({ status: 409, text })
    }),
    SEEDED,
  )
})

test('writes the bytes that docs/PROTOCOL.md shows', () => {
  const append = encodeAppend(7, {
    ref: 1,
    expectedOffset: undefined,
    batches: Uint8Array.of(0xab),
  })
  expect(Buffer.from(append).toString('hex')).toBe(
    '01 00000007 0000000d 00000001 ffffffffffffffff ab'.replaceAll(' ', ''),
  )
  const appended = encodeAppended(7, { baseOffsets: [42], nextOffset: 43, logAppendTime: null })
  expect(Buffer.from(appended).toString('hex')).toBe(
    '11 00000007 00000020 000000000000002b ffffffffffffffff 00000001 000000000000002a 00000000'.replaceAll(
      ' ',
      '',
    ),
  )
})
