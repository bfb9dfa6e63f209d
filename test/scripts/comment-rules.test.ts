import { describe, expect, test } from 'vitest'
import { commentFaults } from '../../scripts/comment-rules.ts'

const faultsIn = (text: string) => commentFaults([{ path: 'a.ts', text }])

describe('commentFaults()', () => {
  test.each(['Of', 'Who', 'What', 'Whoever', 'Nobody', 'The same', 'For who', 'So that'])(
    'finds a doc comment that begins with "%s", on one line or on several',
    (word) => {
      expect(faultsIn(`const a = 1\n/** ${word} it is. */`)).toEqual([
        `a.ts:2 a doc comment begins with "${word}": begin with a verb or a noun`,
      ])
      expect(faultsIn(`/**\n * ${word} it is.\n */`)).toHaveLength(1)
    },
  )

  test('accepts other comments, and those words inside a sentence', () => {
    const text = '/** Returns what it is. */\n/** Offsets of a group. */\n// Of no interest here.\n'
    expect(faultsIn(text)).toEqual([])
  })

  test('finds a comment line of more than 120 columns', () => {
    expect(faultsIn(`// ${'x'.repeat(117)}`)).toEqual([])
    expect(faultsIn(`\n// ${'x'.repeat(118)}`)).toEqual([
      'a.ts:2 a comment has 121 columns: at most 120',
    ])
    expect(faultsIn(`const text = '${'x'.repeat(200)}'`)).toEqual([])
  })
})
