/** Formats the name of a body's field for error messages. */

/** Characters of a name that an error message shows. */
const NAME_LENGTH_MAX = 100

/**
 * Returns the field at `path` in the notation of a caller.
 *
 * @param prefix Text before the path, e.g. `records[3]`.
 * @example
 * fieldName('', ['records', 3, 'key']) // records[3].key
 */
export function fieldName(prefix: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    const name = String(key).slice(0, NAME_LENGTH_MAX)
    return text === '' ? name : `${text}.${name}`
  }, prefix)
}
