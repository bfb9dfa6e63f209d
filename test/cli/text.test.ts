/** The text that commands accept and print. */
import { expect, test } from 'vitest'
import { parseTime } from '../../client/cli/parse-time.ts'
import { Screen } from '../../client/cli/screen.ts'
import { formatTable } from '../../client/cli/table.ts'

function shown(text: string, size: { rows: number; columns: number }): string[] {
  let written = ''
  const write = (more: string) => {
    written += more
  }
  new Screen({ isTTY: true, ...size, write }).show(text)
  return written.replace('\u001b[H\u001b[2J', '').trimEnd().split('\n')
}

test('a screen shows no more rows than the terminal has, however long the lines are', () => {
  const text = ['x'.repeat(95), '😀'.repeat(11), 'short', 'more', 'and more'].join('\n')
  expect(shown(text, { rows: 5, columns: 10 })).toEqual([
    'x'.repeat(10),
    '😀'.repeat(10),
    'short',
    '... 2 more',
  ])
  expect(shown(text, { rows: 0, columns: 0 })).toEqual(text.split('\n'))
})

test('a table escapes invisible characters, and keeps its columns aligned', () => {
  const rows = [
    ['gpj.\u202efdp', 1],
    ['zero\u200bwidth', 2],
    ['two\u2028lines\u001b[2J', 3],
    ['日本 é', 4],
  ] as const
  expect(formatTable(['GROUP', 'MEMBERS'], rows).split('\n')).toEqual([
    'GROUP                      MEMBERS',
    'gpj.\\u{202e}fdp                  1',
    'zero\\u{200b}width                2',
    'two\\u{2028}lines\\u{1b}[2J        3',
    '日本 é                           4',
  ])
})

test('a table narrows its widest columns to the width of the terminal', () => {
  const rows = [
    ['a'.repeat(40), 'short', 1],
    ['日本語のテキスト', 'e\u0301'.repeat(30), 12],
  ] as const
  const lines = formatTable(['FIRST', 'SECOND', 'N'], rows, 32).split('\n')
  expect(lines).toEqual([
    'FIRST          SECOND          N',
    `${'a'.repeat(12)}…  short           1`,
    `日本語のテキ…  ${'e\u0301'.repeat(12)}…  12`,
  ])
  expect(formatTable(['A', 'B'], [['x', 'y']], 1)).toBe('A  B\nx  y')
})

test.each([
  ['2026-11-22', Date.UTC(2026, 10, 22)],
  ['2026-11-22T10:00Z', Date.UTC(2026, 10, 22, 10)],
  ['2026-11-22T10:00:30.5+01:00', Date.UTC(2026, 10, 22, 9, 0, 30, 500)],
  ['2026-11-22T10:00', new Date(2026, 10, 22, 10).getTime()],
  ['1795341600000', Date.UTC(2026, 10, 22, 10)],
  ['1795341600', 1_795_341_600],
])('parseTime() accepts %s', (text, timeMs) => {
  expect(parseTime(text)).toBe(timeMs)
})

test.each([
  '5',
  '2026',
  '20261122',
  '-1795341600000',
  '99999999999999999',
  'May 2001',
  '2026-11',
  '2026-13-01',
  '2026-11-22 (noon)',
  '1969-12-31',
  '',
])('parseTime() rejects %j', (text) => {
  expect(() => parseTime(text)).toThrow('2026-11-22T10:00Z')
})
