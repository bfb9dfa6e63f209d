/** Text output: tables with aligned columns, printable names, counts. */

export type Cell = string | number

/**
 * Formats a table, one line per row; cells pass through `visible`.
 *
 * @param widthMax Columns of the terminal; longer cells are cut. Without it nothing is cut.
 * @example
 * formatTable(['TOPIC', 'PARTITIONS'], [['orders', 3]])
 */
export function formatTable(
  header: readonly string[],
  rows: ReadonlyArray<readonly Cell[]>,
  widthMax = Number.POSITIVE_INFINITY,
): string {
  const widths = tableWidths(header, rows, widthMax)
  const titles = header.map((title, column) =>
    typeof rows[0]?.[column] === 'number' ? padStart(title, widths[column] ?? 0) : title,
  )
  return [titles, ...rows].map((cells) => tableLine(cells, widths)).join('\n')
}

/** Returns the widths of the columns of a table; the widest ones are narrowed until all fit in `widthMax`. */
export function tableWidths(
  header: readonly string[],
  rows: ReadonlyArray<readonly Cell[]>,
  widthMax = Number.POSITIVE_INFINITY,
): number[] {
  const widths = header.map((title, column) =>
    Math.max(displayWidth(title), ...rows.map((row) => displayWidth(shown(row[column] ?? '')))),
  )
  const room = widthMax - GAP.length * (widths.length - 1)
  return narrowed(widths, Math.max(room, widths.length * COLUMN_WIDTH_MIN))
}

/** Returns a line of a table. Numbers are at the right; cells that are too wide are cut if `isCut`. */
export function tableLine(cells: readonly Cell[], widths: readonly number[], isCut = true): string {
  return cells
    .map((cell, column) => {
      const width = widths[column] ?? 0
      const text = isCut ? cut(shown(cell), width) : shown(cell)
      return typeof cell === 'number' ? padStart(text, width) : padEnd(text, width)
    })
    .join(GAP)
    .trimEnd()
}

const GAP = '  '
const ELLIPSIS = '…'
const COLUMN_WIDTH_MIN = 3

function shown(cell: Cell): string {
  return typeof cell === 'number' ? String(cell) : visible(cell)
}

/** Lowers the widest columns to one width, the largest one with which all fit. */
function narrowed(widths: readonly number[], room: number): number[] {
  const narrowFirst = [...widths].sort((one, other) => one - other)
  let left = room
  for (const [index, width] of narrowFirst.entries()) {
    const share = Math.floor(left / (widths.length - index))
    if (width > share) return widths.map((one) => Math.min(one, share))
    left -= width
  }
  return [...widths]
}

/** Characters that take two columns of a terminal: those of East Asia, and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
const COMBINING = /[\p{Mn}\p{Me}]/u

function characterWidth(character: string): number {
  return COMBINING.test(character) ? 0 : WIDE.test(character) ? 2 : 1
}

const PLAIN = /^[\x20-\x7e]*$/

/** Returns the columns of a terminal that a text takes. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const character of text) width += characterWidth(character)
  return width
}

/** Cuts a text to a width; the last column shows that it was cut. */
function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  let kept = ''
  let left = width - displayWidth(ELLIPSIS)
  for (const character of text) {
    left -= characterWidth(character)
    if (left < 0) break
    kept += character
  }
  return kept + ELLIPSIS
}

function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text
}

function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
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
