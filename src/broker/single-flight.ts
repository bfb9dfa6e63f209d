/** Single flight: concurrent calls with one key share one result. */

/** Returns the call that is under way for `key`, or begins one. A call that has ended is not kept. */
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
