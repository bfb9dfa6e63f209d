/**
 * Returns the number that a deployment has set by a variable; undefined where it has set none, or what is no
 * whole number above 0.
 */
export function parseSetting(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined
}
