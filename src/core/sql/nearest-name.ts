/** Suggestions for misspelt names. */

/** Returns the known name that differs least from `name`, if it differs little; letters of both cases are equal. */
export function nearestName(name: string, names: Iterable<string>): string | undefined {
  const wanted = name.slice(0, NAME_LENGTH_MAX).toUpperCase()
  let nearest: string | undefined
  let least = Math.ceil(wanted.length / 3) + 1
  for (const known of names) {
    if (Math.abs(known.length - wanted.length) >= least) continue
    const changes = editDistance(wanted, known.toUpperCase())
    if (changes < least) {
      least = changes
      nearest = known
    }
  }
  return nearest
}

/** Characters of a name that are compared: the work grows with their square. */
const NAME_LENGTH_MAX = 64

/** Returns how many letters must be inserted, removed, replaced or swapped with their neighbour. */
function editDistance(one: string, other: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1]
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
      )
      if (row > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]) {
        cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1)
      }
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return last[other.length] ?? 0
}
