/** One call for the valid items of a request, beside the errors of the others. */
import { EdgelogError } from '../core/errors.ts'

/**
 * Calls `call` with the items that are not errors.
 *
 * @returns one result per item, in order: the error that stands in its place, or the result of `call` for it.
 */
export async function callValid<Item, T>(
  items: ReadonlyArray<Item | EdgelogError>,
  call: (valid: readonly Item[]) => Promise<ReadonlyArray<T | EdgelogError>>,
): Promise<(T | EdgelogError)[]> {
  const valid = items.filter((item): item is Item => !(item instanceof EdgelogError))
  const results = await call(valid)
  let next = 0
  return items.map((item) =>
    item instanceof EdgelogError ? item : (results[next++] as T | EdgelogError),
  )
}
