import { EdgelogError } from '../../../src/core/errors.ts'
import { CACHE_AGE_MS_MAX, CACHE_BYTES_MAX, CACHE_BYTES_MIN, CACHE_RECORDS_MAX } from '../limits.ts'
import type { CacheLimits } from '../store/schema.ts'

/**
 * Returns the default limits, overridden by the given ones; later ones win. Limits hold to within
 * one row per partition: bytes always, records and age while the partition has another row.
 *
 * @throws {EdgelogError} `invalid_config`
 */
export function cacheLimits(...given: readonly Partial<CacheLimits>[]): CacheLimits {
  const limits = {
    bytesMax: CACHE_BYTES_MAX,
    recordsMax: CACHE_RECORDS_MAX,
    ageMsMax: CACHE_AGE_MS_MAX,
  }
  for (const limit of given) {
    for (const name of Object.keys(limits) as (keyof CacheLimits)[]) {
      const value = limit[name] ?? limits[name]
      const least = name === 'bytesMax' ? CACHE_BYTES_MIN : 1
      if (!(Number.isSafeInteger(value) && value >= least)) {
        throw new EdgelogError(
          'invalid_config',
          `${name}: must be a whole number of at least ${least}, got ${value}`,
        )
      }
      limits[name] = value
    }
  }
  return limits
}
