import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  readFloat64,
  readInt32,
  readInt64,
  writeFloat64,
  writeInt32,
  writeInt64,
} from '../../../src/core/bytes/fixed-width.ts'
import { SEEDED } from '../../support/seed.ts'

const AT = 3

function written(write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(AT + 8)
  write(new DataView(bytes.buffer))
  return bytes
}

it('writes and reads an int32 as a DataView does', () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      const bytes = new Uint8Array(AT + 8)
      writeInt32(bytes, AT, value)
      expect(bytes).toEqual(written((view) => view.setInt32(AT, value)))
      expect(readInt32(bytes, AT)).toBe(value)
    }),
    SEEDED,
  )
})

it('writes and reads an int64 as a DataView does', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      const bytes = new Uint8Array(AT + 8)
      writeInt64(bytes, AT, value)
      expect(bytes).toEqual(written((view) => view.setBigInt64(AT, BigInt(value))))
      expect(readInt64(bytes, AT)).toBe(value)
    }),
    SEEDED,
  )
})

it('writes and reads a float64 as a DataView does', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      const bytes = new Uint8Array(AT + 8)
      writeFloat64(bytes, AT, value)
      expect(bytes).toEqual(written((view) => view.setFloat64(AT, value)))
      expect(readFloat64(bytes, AT)).toBe(value)
    }),
    SEEDED,
  )
})
