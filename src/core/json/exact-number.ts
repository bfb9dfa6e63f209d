/** Checks whether a number of a JSON text keeps its exact value in `JSON.parse`. */

/** Doubles represent any 15 decimal digits exactly enough to restore them. */
const SAFE_LENGTH = 15
const EXPONENT = /e/i
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i
const ZERO = 0x30

/**
 * Returns whether `JSON.parse` returns exactly the value of `source`: 1e3, 1.10 and -0 are exact,
 * 9007199254740993 and 1e400 are not.
 *
 * @param source A valid JSON number.
 */
export function isExactNumber(source: string): boolean {
  if (source.length <= SAFE_LENGTH && !EXPONENT.test(source)) return true
  return normalForm(source) === normalForm(String(Number(source)))
}

/** Returns one text for all notations of a decimal number; undefined for other texts, such as Infinity. */
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
