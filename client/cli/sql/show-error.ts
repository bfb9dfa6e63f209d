/** Shows the error of a statement with its place. */
import { EdgelogError } from '../../index.ts'
import { displayWidth, visible } from '../table.ts'

/** Returns the message of an error; if it names a place of the text, also the line with the place marked. */
export function showError(error: unknown, text: string): string {
  if (!(error instanceof EdgelogError)) {
    return `edgelog: ${error instanceof Error ? error.message : String(error)}`
  }
  const message = `edgelog: ${visible(error.message).replaceAll('\\u{a}', '\n')} (${error.code})`
  if (error.code === 'unavailable') {
    return `${message}\nIs it running? Start one with: edgelog dev`
  }
  const { line, column } = (error.details ?? {}) as { line?: unknown; column?: unknown }
  const place = placeOf(text, Number(line), Number(column))
  return place === undefined ? message : `${message}\n${place}`
}

function placeOf(text: string, line: number, column: number): string | undefined {
  // The place is one in the text with the values of variables, which is not here.
  if (text.includes('$' + '{')) return undefined
  const whole = text.split('\n')[line - 1]
  if (whole === undefined || column < 1 || column > whole.length + 1) return undefined
  const before = visible(whole.slice(0, column - 1).replaceAll('\t', ' '))
  const behind = whole.slice(column - 1).replaceAll('\t', ' ')
  const word = visible(/^[\p{L}\p{N}_@]+/u.exec(behind)?.[0] ?? behind.slice(0, 1))
  const mark = '^'.repeat(Math.max(1, displayWidth(word)))
  return `  ${before}${visible(behind)}\n  ${' '.repeat(displayWidth(before))}${mark}`
}
