/** The text of a double as Java has it: `1.0`, `1.0E10`, `Infinity`. */

/** Returns the shortest text of a number from which it can be parsed. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  if (size === 0) return `${sign}0.0`
  if (size >= 1e-3 && size < 1e7) {
    const text = String(size)
    return sign + (text.includes('.') ? text : `${text}.0`)
  }
  const [digits = '', exponent = '0'] = size.toExponential().split('e')
  return `${sign}${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`
}
