/** Single flight: concurrent calls with one key share one result. */

/** Returns the running call for `key`, or starts one. Results are not cached after the call has ended. */
export async function singleFlight<Key, Result>(
  underWay: Map<Key, Promise<Result>>,
  key: Key,
  begin: () => Promise<Result>,
): Promise<Result> {
  const known = underWay.get(key)
  if (known !== undefined) return await known
  const begun = begin()
  underWay.set(key, begun)
  try {
    return await begun
  } finally {
    underWay.delete(key)
  }
}
