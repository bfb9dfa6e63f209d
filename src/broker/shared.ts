/** One answer for all who ask while it is on its way. */

/** What is under way for a key, or else is begun now; of one request, as the platform has it. */
export async function shared<Key, Result>(
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
