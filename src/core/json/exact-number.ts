/** Decides whether a number of a JSON text survives `JSON.parse`. */

/** Doubles keep 15 digits, whatever they are. */
const SAFE_LENGTH = 15
const EXPONENT = /e/i
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i
const ZERO = 0x30

/**
 * Returns whether `JSON.parse` gives the value that `source` says: 1e3, 1.10 and -0 are exact,
 * 9007199254740993 and 1e400 are not.
 *
 * @param source A valid number of JSON.
 */
export function isExactNumber(source: string): boolean {
  if (source.length <= SAFE_LENGTH && !EXPONENT.test(source)) return true
  return normalForm(source) === normalForm(String(Number(source)))
}

/** One text for all ways to write a decimal number; undefined for what is none, as Infinity. */
function normalForm(text: string): string | undefined {
  const match = NUMBER.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return '0'
  let end = digits.length
  while (digits.charCodeAt(end - 1) === ZERO) end--
  const power = Number(exponent) - fraction.length + digits.length - end
  return `${sign}${digits.slice(0, end)}e${power}`
}
