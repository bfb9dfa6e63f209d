/** Text output: tables with aligned columns, printable names, counts. */

type Cell = string | number

/**
 * Formats a table, one line per row; cells pass through `visible`.
 *
 * @example
 * formatTable(['TOPIC', 'PARTITIONS'], [['orders', 3]])
 */
export function formatTable(
  header: readonly string[],
  cells: ReadonlyArray<readonly Cell[]>,
): string {
  const rows = cells.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? cell : visible(cell))),
  )
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? '').length)),
  )
  const line = (cells: readonly Cell[]) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  const isNumeric = header.map((_, column) => typeof rows[0]?.[column] === 'number')
  const titles = header.map((title, column) =>
    isNumeric[column] ? title.padStart(widths[column] ?? 0) : title,
  )
  return [line(titles), ...rows.map(line)].join('\n')
}

/**
 * Escapes invisible characters in names, which could change the surrounding text
 * on a terminal: control characters, writing directions, joiners, line ends.
 *
 * @example visible('a\u202eb') === 'a\\u{202e}b'
 */
export function visible(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
}

/** @example count(2, 'partition') === '2 partitions' */
export function count(value: number, what: string): string {
  return `${value.toLocaleString('en-US')} ${what}${value === 1 ? '' : 's'}`
}
