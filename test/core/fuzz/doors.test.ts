/*
 * Question: can any cursor, tail frame or session message make its reader do anything other than succeed or refuse?
 * Contract: the result is a value or an error; an accepted cursor is one that the log could have
 *   returned: at most one offset per partition, each within the range of offsets.
 * Generated: damaged copies of valid ones, from TEST_SEED.
 */
import { describe, expect, test } from 'vitest'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { DecodeError } from '../../../src/core/bytes/decode-error.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { OFFSET_MAX } from '../../../src/core/limits.ts'
import {
  decodeAppend,
  decodeAppended,
  decodeHeadAndBody,
  decodeRefused,
  decodeSessionEntries,
  encodeAppend,
  encodeAppended,
  SESSION_ENTRY_HEADER_BYTES,
} from '../../../src/core/log/session-protocol.ts'
import {
  decodeTailFrame,
  TAIL_FRAME_HEADER_BYTES,
  TAIL_ID_BYTES,
} from '../../../src/core/log/tail-protocol.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'
import { resolveTopicConfig } from '../../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import { encodeCursor, parseCursor } from '../../../src/http/tail/cursor.ts'
import { Random } from '../../support/random.ts'
import { TEST_SEED } from '../../support/seed.ts'
import { mutate } from './mutate.ts'

const INPUTS = Number(process.env.FUZZ_INPUTS ?? 20_000)

const TOPIC: Topic = {
  id: '1f3a9c2e-0000-4000-8000-000000000000',
  name: parseTopicName('fuzzed'),
  partitions: 3,
  version: 1,
  config: resolveTopicConfig({}),
  overrides: {},
}

function refused(error: unknown, input: Uint8Array): void {
  if (error instanceof EdgelogError || error instanceof DecodeError) return
  throw new Error(
    `neither a value nor an expected error: TEST_SEED=${TEST_SEED} input=[${input}]`,
    {
      cause: error,
    },
  )
}

describe('fuzz', () => {
  test('accepts in parseCursor() only cursors that a log could have returned', () => {
    const random = new Random(TEST_SEED)
    const sound = new TextEncoder().encode(encodeCursor(TOPIC, [12, OFFSET_MAX, 0]))
    for (let i = 0; i < INPUTS; i++) {
      const input = mutate(random, sound)
      try {
        const position = parseCursor(new TextDecoder('latin1').decode(input), TOPIC)
        expect(position.length).toBeGreaterThan(0)
        expect(position.length).toBeLessThanOrEqual(TOPIC.partitions)
        expect(position.every((offset) => offset >= 0 && offset <= OFFSET_MAX)).toBe(true)
      } catch (error) {
        refused(error, input)
      }
    }
  })

  test('reads in decodeTailFrame() never beyond its bytes', () => {
    const random = new Random(TEST_SEED)
    const sound = new Uint8Array(TAIL_ID_BYTES + TAIL_FRAME_HEADER_BYTES + 20)
    new DataView(sound.buffer).setBigInt64(TAIL_ID_BYTES, 7n)
    for (let i = 0; i < INPUTS; i++) {
      const input = mutate(random, sound).subarray(0, random.below(sound.length + 8))
      try {
        const { batches, ...offsets } = decodeTailFrame(input, TAIL_ID_BYTES)
        expect(Object.values(offsets).every(Number.isSafeInteger)).toBe(true)
        expect(batches.length).toBe(input.length - TAIL_ID_BYTES - TAIL_FRAME_HEADER_BYTES)
      } catch (error) {
        refused(error, input)
      }
    }
  })

  test('reads the entries of a session never beyond their bytes', () => {
    const random = new Random(TEST_SEED)
    const append = encodeAppend(1, { ref: 2, expectedOffset: 3, batches: new Uint8Array(9) })
    const pieces = [{ recordsCount: 1, baseOffset: 7 }]
    const appended = { baseOffsets: [7, 9], nextOffset: 12, logAppendTime: null, pieces }
    const sound = concatenate([append, encodeAppended(1, appended)])
    const decoders = [decodeAppend, decodeAppended, decodeRefused, decodeHeadAndBody]
    for (let i = 0; i < INPUTS; i++) {
      const input = mutate(random, sound).subarray(0, random.below(sound.length + 8))
      try {
        let readBytes = 0
        for (const { content } of decodeSessionEntries(input)) {
          readBytes += SESSION_ENTRY_HEADER_BYTES + content.length
          decoders[random.below(decoders.length)]?.(content)
        }
        expect(readBytes).toBe(input.length)
      } catch (error) {
        refused(error, input)
      }
    }
  })
})
