import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { EvaluationError } from '../../../../src/core/sql/errors.ts'
import { regexpOf } from '../../../../src/core/sql/functions/regexp.ts'
import { compareValues } from '../../../../src/core/sql/types/compare-values.ts'
import { Decimal } from '../../../../src/core/sql/types/decimal.ts'
import { doubleText } from '../../../../src/core/sql/types/double-text.ts'
import { formatTimestamp } from '../../../../src/core/sql/types/time-format.ts'
import { parseTimestamp } from '../../../../src/core/sql/types/time-parse.ts'
import { timeZone } from '../../../../src/core/sql/types/time-zone.ts'
import { type Long, longOf } from '../../../../src/core/sql/types/value.ts'

type Row = readonly (string | null)[]

const ROWS: readonly Row[] = readFileSync(join(import.meta.dirname, 'golden.tsv'), 'utf8')
  .replace(/\n$/, '')
  .split('\n')
  .map((line) => line.split('\t').map((value) => (value === '\\N' ? null : value)))

/** Returns what Java computed for one kind. */
function rowsOf(kind: string): string[][] {
  const rows = ROWS.filter((row) => row[0] === kind).map((row) => row.slice(1) as string[])
  if (rows.length === 0) throw new Error(`golden.tsv has no ${kind}`)
  return rows
}

function decimal(text: string): Decimal {
  const parsed = Decimal.parse(text)
  if (parsed === undefined) throw new Error(`${text} is no decimal`)
  return parsed
}

/** Returns null for what cannot be evaluated. */
function attempt<T>(compute: () => T): T | null {
  try {
    return compute()
  } catch (error) {
    if (error instanceof EvaluationError) return null
    throw error
  }
}

describe('results of Java', () => {
  it.each(rowsOf('decimal'))('computes decimals as Java does: %s and %s', (...row) => {
    const [first = '', second = '', scaleText, ...results] = row
    const one = decimal(first)
    const other = decimal(second)
    const scale = Number(scaleText)
    const computed = [
      one.add(other),
      one.multiply(other),
      attempt(() => one.divide(other, scale)),
      attempt(() => one.modulo(other)),
      one.withScale(scale),
      one.compare(other),
    ]
    expect(computed.map((value) => (value === null ? null : String(value)))).toEqual(results)
  })

  it.each(rowsOf('double'))('prints doubles as Java does: %s', (text = '', plain) => {
    const value = Number(text)
    expect(doubleText(value)).toBe(text)
    expect(attempt(() => String(Decimal.fromNumber(value)))).toBe(plain)
  })

  it.each(rowsOf('long'))('wraps integers as Java does: %s and %s', (...row) => {
    const [first = '', second = '', ...results] = row
    const one = BigInt(first)
    const other = BigInt(second)
    const computed: (Long | null)[] = [
      longOf(one + other),
      longOf(one - other),
      longOf(one * other),
      other === 0n ? null : longOf(one / other),
      other === 0n ? null : longOf(one % other),
      compareValues(longOf(one), longOf(other)),
    ]
    expect(computed.map((value) => (value === null ? null : String(value)))).toEqual(results)
  })

  it.each(rowsOf('format'))('formats times as Java does: %s by %s in %s', (...row) => {
    const [time, pattern = '', zone = '', result] = row
    expect(attempt(() => formatTimestamp(Number(time), pattern, timeZone(zone)))).toBe(result)
  })

  it.each(rowsOf('parse'))('parses times as Java does: %s by %s in %s', (...row) => {
    const [text = '', pattern = '', zone = '', result] = row
    const parsed = attempt(() => parseTimestamp(text, pattern, timeZone(zone)))
    expect(parsed === null ? null : String(parsed)).toBe(result)
  })

  it.each(rowsOf('regexp'))('matches as Java does: %s in %s', (...row) => {
    const [pattern = '', text = '', result] = row
    const given = text.replaceAll('\\n', '\n').replaceAll('\\r', '\r').replaceAll('\\t', '\t')
    const found = [...regexpOf(pattern).matches(given)].map(({ groups }) => {
      const texts = groups.map((group) =>
        group === undefined ? '~' : JSON.stringify(group).slice(1, -1),
      )
      return `<${texts.join('|')}>`
    })
    expect(found.join('; ')).toBe(result)
  })
})
