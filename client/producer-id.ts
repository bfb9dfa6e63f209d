/** Returns a random producer id, so no request is needed to get one. */
export function randomProducerId(): bigint {
  const [bits = 0n] = crypto.getRandomValues(new BigUint64Array(1))
  return bits >> 1n
}
