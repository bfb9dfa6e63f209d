/**
 * Question: are frames unchanged, however TCP and HTTP split their bytes? Model: the
 * list of frames. Generated: frames, and the positions where their bytes are split.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FRAMES_BYTES_MAX } from '../../../client/cli/bridge/limits.ts'
import { ResponseReader } from '../../../client/cli/bridge/response-reader.ts'
import { type Frame, FrameCutter, FrameError } from '../../../src/core/kafka/frame-cutter.ts'
import { SEEDED } from '../../support/seed.ts'

const bodies = fc.array(fc.uint8Array({ minLength: 4, maxLength: 40 }), { maxLength: 8 })
const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 })

function frameOf(body: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + body.length)
  frame.writeInt32BE(body.length)
  frame.set(body, 4)
  return frame
}

/** Yields pieces of these sizes, repeated. */
function* pieces(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, next = 0; at < bytes.length; next++) {
    const size = sizes[next % sizes.length] as number
    yield bytes.subarray(at, at + size)
    at += size
  }
}

function hex(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => Buffer.from(frame).toString('hex'))
}

describe('FrameCutter', () => {
  test('returns the same frames for any split', () => {
    fc.assert(
      fc.property(bodies, cuts, (given, sizes) => {
        const frames = given.map(frameOf)
        const cutter = new FrameCutter(FRAMES_BYTES_MAX)
        const cut: Frame[] = []
        for (const piece of pieces(Buffer.concat(frames), sizes)) cut.push(...cutter.push(piece))
        expect(hex(cut)).toEqual(hex(frames))
        expect(cutter.heldBytes).toBe(0)
      }),
      SEEDED,
    )
  })

  test.each([
    ['negative', -1],
    ['larger than a request may be', FRAMES_BYTES_MAX],
    ['text of another protocol', Buffer.from('GET ').readInt32BE()],
  ])('rejects a size that is %s before its bytes arrive', (_, size) => {
    const start = Buffer.alloc(4)
    start.writeInt32BE(size)
    expect(() => new FrameCutter(FRAMES_BYTES_MAX).push(start)).toThrow(FrameError)
  })

  test('reads a size that arrives byte by byte', () => {
    const cutter = new FrameCutter(FRAMES_BYTES_MAX)
    const frame = frameOf(Buffer.from('abcd'))
    for (const byte of frame.subarray(0, -1)) expect(cutter.push(Uint8Array.of(byte))).toEqual([])
    expect(hex(cutter.push(frame.subarray(-1)))).toEqual(hex([frame]))
  })
})

describe('ResponseReader', () => {
  test('returns the same bytes for any split', () => {
    fc.assert(
      fc.property(bodies, cuts, fc.boolean(), (given, sizes, mustClose) => {
        const responses = Buffer.concat(given.map(frameOf))
        const close = Buffer.alloc(mustClose ? 4 : 0, 0xff)
        const reader = new ResponseReader()
        const passed: Uint8Array[] = []
        for (const piece of pieces(Buffer.concat([responses, close]), sizes)) {
          passed.push(reader.push(piece))
        }
        expect(Buffer.concat(passed).toString('hex')).toBe(responses.toString('hex'))
        expect(reader.mustClose).toBe(mustClose)
        expect(reader.isBetweenFrames).toBe(true)
      }),
      SEEDED,
    )
  })

  test('detects a truncated response', () => {
    const reader = new ResponseReader()
    reader.push(frameOf(Buffer.from('abcd')).subarray(0, -1))
    expect(reader.isBetweenFrames).toBe(false)
  })

  test('rejects an invalid size', () => {
    expect(() => new ResponseReader().push(Buffer.from('fffffffe', 'hex'))).toThrow(FrameError)
  })
})
