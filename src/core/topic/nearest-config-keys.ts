/** Finds the config keys that a misspelt key probably stands for. */
import { TOPIC_CONFIG_KEYS } from './topic-config-keys.ts'

/** Longer input is cut: no key is this long, and the cut limits the work. */
const COMPARED_CHARACTERS_MAX = 64

/** Returns the known keys with the fewest edits to `key`, in alphabetical order. */
export function nearestConfigKeys(key: string): readonly string[] {
  const given = key.slice(0, COMPARED_CHARACTERS_MAX).toLowerCase()
  const distances = Object.keys(TOPIC_CONFIG_KEYS).map((known) => ({
    known,
    distance: editDistance(given, known),
  }))
  const least = Math.min(...distances.map(({ distance }) => distance))
  return distances.filter(({ distance }) => distance === least).map(({ known }) => known)
}

/** Returns the Levenshtein distance, computed one row of the matrix at a time. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = from[row - 1] === to[column - 1] ? 0 : 1
      current.push(
        Math.min(
          (previous[column - 1] ?? 0) + replaced,
          (previous[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
        ),
      )
    }
    previous = current
  }
  return previous[to.length] ?? 0
}
