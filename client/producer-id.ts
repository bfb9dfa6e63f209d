/** Random, so that no server has to be asked for one. */
export function randomProducerId(): bigint {
  const [bits = 0n] = crypto.getRandomValues(new BigUint64Array(1))
  return bits >> 1n
}
