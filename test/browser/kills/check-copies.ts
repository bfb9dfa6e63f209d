/** The checker of a topic that a topology copied. */

/**
 * Returns what is wrong with `copies`, the values of a partition. They must be those of `input`, once and in order.
 * A topology that has lost its state copies all from the beginning again, at most `restartsMax` times.
 * The values of `input` differ.
 *
 * @example checkCopies(['a', 'a', 'b'], ['a', 'b'], 1) // []
 */
export function checkCopies(
  copies: readonly string[],
  input: readonly string[],
  restartsMax: number,
): string[] {
  let restartsLeft = restartsMax
  let next = 0
  for (const [at, copy] of copies.entries()) {
    if (copy !== input[next]) {
      if (copy !== input[0] || restartsLeft === 0) {
        return [`${copies.length} copies of ${input.length}; at ${at} ${copy}, not ${input[next]}`]
      }
      restartsLeft -= 1
      next = 0
    }
    next += 1
  }
  return next === input.length
    ? []
    : [`${copies.length} copies of ${input.length}; ${input[next]} is missing at the end`]
}
