import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TextPool } from '../../../src/core/bytes/text-pool.ts'
import { runs, SEEDED } from '../../support/seed.ts'

it('TextPool returns each text in UTF-8, and never changes it later', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.nat(3_000).map((length) => 'ж'.repeat(length)),
  )
  const property = fc.property(fc.array(text, { maxLength: 200 }), (texts) => {
    const pool = new TextPool()
    const encoded = texts.map((text) => pool.encode(text))
    expect(
      encoded.map((bytes) =>
        new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
      ),
    ).toEqual(texts)
  })
  fc.assert(property, { ...SEEDED, numRuns: runs(200) })
})
