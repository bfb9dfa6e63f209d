/** Writes results in one of the formats, to standard output and to the file of `spool`. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { Decimal } from '../../../src/core/sql/types/decimal.ts'
import type { SqlChange, SqlColumn, SqlResult, SqlRow } from '../../index.ts'
import { SQL_INTEGER_WIDTH, SQL_NUMBER_WIDTH, SQL_TEXT_WIDTH, SQL_WIDTH_ROWS } from '../limits.ts'
import { type Cell, formatTable, tableLine, tableWidths } from '../table.ts'
import type { OutputFormat } from './input.ts'

export interface OutputStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string, done?: (error?: Error | null) => void): unknown
}

/** A result as a table, with texts before and after it. */
export interface ShownResult {
  readonly header?: readonly string[]
  readonly rows?: ReadonlyArray<readonly Cell[]>
  /** Lines above the table, and below it: for people only. */
  readonly title?: string
  readonly text?: string
}

export class SqlOutput {
  format: OutputFormat
  readonly #stream: OutputStream
  #spool: number | undefined

  constructor(stream: OutputStream, format: OutputFormat) {
    this.#stream = stream
    this.format = format
  }

  /** Columns of the terminal; without one, nothing is cut. */
  get width(): number {
    const { isTTY, columns } = this.#stream
    return isTTY === true && columns !== undefined && columns > 0
      ? columns
      : Number.POSITIVE_INFINITY
  }

  /** Copies everything that is written to a file, until it is called again. */
  spoolTo(path: string | undefined): void {
    const next = path === undefined ? undefined : openSync(path, 'a')
    if (this.#spool !== undefined) closeSync(this.#spool)
    this.#spool = next
  }

  /** Resolves when the text is written, or cannot be. */
  async line(text: string): Promise<void> {
    if (this.#spool !== undefined) writeSync(this.#spool, `${text}\n`)
    await new Promise<void>((resolve) => this.#stream.write(`${text}\n`, () => resolve()))
  }

  /** Writes the result of a statement. `data` is printed as JSON. */
  async result(data: unknown, { header, rows, title, text }: ShownResult): Promise<void> {
    if (this.format === 'json') {
      await this.line(JSON.stringify(data))
    } else if (this.format === 'csv' && header !== undefined && rows !== undefined) {
      await this.line([header, ...rows].map(csvLine).join('\n'))
    } else {
      const table =
        header !== undefined && rows !== undefined && rows.length > 0
          ? formatTable(header, rows, this.width)
          : undefined
      const parts = [title, table, text].filter((part) => part !== undefined && part !== '')
      await this.line(parts.join('\n'))
    }
  }

  /** Writes the rows of a query as they arrive. @returns how many there were */
  async query(result: SqlResult, isLive: boolean): Promise<number> {
    const { columns } = result
    const names = columns.map(({ name }) => name)
    if (this.format === 'csv') await this.line(csvLine(names))
    const table = new RowTable(columns, this.width)
    if (this.format === 'table' && isLive) await this.line(table.begin(isLive))
    let count = 0
    for await (const changes of result.changeLists()) {
      count += changes.length
      if (this.format === 'json') {
        await this.line(changes.map((change) => jsonLine(change, columns)).join('\n'))
      } else if (this.format === 'csv') {
        const lines = changes.map((change) => csvLine(cellsOf(change, columns, '')))
        await this.line(lines.join('\n'))
      } else {
        const text = table.add(changes.map((change) => cellsOf(change, columns, 'null')))
        if (text !== '') await this.line(text)
      }
    }
    if (this.format === 'table' && !table.hasBegun) await this.line(table.begin())
    return count
  }
}

const NUMBERS = /^(INTEGER|BIGINT|DOUBLE|DECIMAL)/

/** A table whose rows come one after the other. Its first rows, or the types, set the widths of its columns. */
class RowTable {
  readonly #columns: readonly SqlColumn[]
  readonly #widthMax: number
  /** Rows that wait for the widths. */
  readonly #waiting: Array<readonly Cell[]> = []
  #widths: readonly number[] | undefined

  constructor(columns: readonly SqlColumn[], widthMax: number) {
    this.#columns = columns
    this.#widthMax = widthMax
  }

  get hasBegun(): boolean {
    return this.#widths !== undefined
  }

  /** Takes rows. @returns the lines that can be written */
  add(rows: ReadonlyArray<readonly Cell[]>): string {
    if (this.#widths !== undefined) return this.#lines(rows, this.#widths)
    this.#waiting.push(...rows)
    return this.#waiting.length < SQL_WIDTH_ROWS ? '' : this.begin()
  }

  /**
   * Sets the widths: by the types if `isLive`, else by the rows that waited.
   *
   * @returns the header, and the rows
   */
  begin(isLive = false): string {
    const names = this.#columns.map(({ name }) => name)
    const samples = isLive ? [this.#columns.map(({ type }) => this.#sample(type))] : this.#waiting
    this.#widths = tableWidths(names, samples, this.#widthMax)
    return this.#lines([names, ...this.#waiting.splice(0)], this.#widths)
  }

  /** Returns a text as wide as values of a type are. Texts share the width of a terminal. */
  #sample(type: string): string {
    if (type === 'INTEGER') return '0'.repeat(SQL_INTEGER_WIDTH)
    if (NUMBERS.test(type)) return '0'.repeat(SQL_NUMBER_WIDTH)
    return 'x'.repeat(Number.isFinite(this.#widthMax) ? this.#widthMax : SQL_TEXT_WIDTH)
  }

  #lines(rows: ReadonlyArray<readonly Cell[]>, widths: readonly number[]): string {
    // Only a terminal has a width: elsewhere a later row may be longer, and is whole.
    const isCut = Number.isFinite(this.#widthMax)
    const aligned = (cell: Cell, index: number) =>
      NUMBERS.test(this.#columns[index]?.type ?? '')
        ? String(cell).padStart(widths[index] ?? 0)
        : cell
    return rows.map((row) => tableLine(row.map(aligned), widths, isCut)).join('\n')
  }
}

function jsonLine({ row, isTombstone }: SqlChange<SqlRow>, columns: readonly SqlColumn[]): string {
  const fields = columns.map(({ name, type }) => {
    const value = row[name]
    // A number with many digits came as a text, to keep them.
    const isDigits = typeof value === 'string' && NUMBERS.test(type) && /^-?\d/.test(value)
    return `${JSON.stringify(name)}:${isDigits ? value : JSON.stringify(value)}`
  })
  return isTombstone ? `{"tombstone":{${fields.join(',')}}}` : `{${fields.join(',')}}`
}

function cellsOf(
  { row, isTombstone }: SqlChange<SqlRow>,
  columns: readonly SqlColumn[],
  noValue: string,
): Cell[] {
  return columns.map(({ name, type, isKey }) => {
    const value = row[name]
    if (isTombstone && !isKey) return '<removed>'
    if (value === null || value === undefined) return noValue
    if (type.startsWith('DECIMAL(')) return decimalText(value, type)
    if (typeof value === 'string' || typeof value === 'number') return value
    return JSON.stringify(value)
  })
}

/** Returns a DECIMAL with the zeros of its scale, which numbers of JavaScript lose. */
function decimalText(value: unknown, type: string): string {
  const [, scale = '0'] = /, (\d+)\)$/.exec(type) ?? []
  return Decimal.parse(String(value))?.withScale(Number(scale)).toString() ?? String(value)
}

function csvLine(cells: readonly Cell[]): string {
  return cells
    .map((cell) => {
      const text = String(cell)
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
    })
    .join(',')
}
