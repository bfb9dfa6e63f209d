/** Names a field of a body in the message of an error. */

/** Characters of a name that a message shows. */
const NAME_LENGTH_MAX = 100

/**
 * Returns the field at `path` as a caller would write it.
 *
 * @param prefix What stands before it, e.g. `records[3]`.
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
