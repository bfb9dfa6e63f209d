import { expect, test } from 'vitest'
import { StoredForm } from '../../src/core/stored-form.ts'

interface Box {
  readonly sizes: readonly number[]
  readonly unit: string
}

/** Form 1 is a list, form 2 an object with the list, form 3 adds a unit. */
const BOX = new StoredForm<Box>('box', [
  (sizes: readonly number[]) => ({ sizes }),
  (box: { sizes: readonly number[] }) => ({ ...box, unit: 'mm' }),
])

test('StoredForm reads its own output', () => {
  const box = { sizes: [1, 2], unit: 'cm' }
  expect(JSON.parse(BOX.encode(box))).toEqual({ formVersion: 3, ...box })
  expect(BOX.decode(BOX.encode(box))).toEqual(box)
})

test.each([
  ['form 1, without a number', '[1,2]'],
  ['form 2', '{"formVersion":2,"sizes":[1,2]}'],
  ['form 3', '{"formVersion":3,"sizes":[1,2],"unit":"mm"}'],
])('StoredForm converts %s to the current form', (_, json) => {
  expect(BOX.decode(json)).toEqual({ sizes: [1, 2], unit: 'mm' })
})

test('StoredForm reads an object without a number as form 1', () => {
  const plain = new StoredForm<{ readonly epoch: number }>('plain')
  expect(plain.decode('{"epoch":7}')).toEqual({ epoch: 7 })
})

test('StoredForm refuses a document of a later release', () => {
  expect(() => BOX.decode('{"formVersion":4,"sizes":[]}')).toThrow(
    'box is stored in form 4 of a later release; this one has form 3',
  )
})
