import { EdgelogError } from '../../../src/core/errors.ts'
import { CACHE_AGE_MS_MAX, CACHE_BYTES_MAX, CACHE_BYTES_MIN, CACHE_RECORDS_MAX } from '../limits.ts'
import type { CacheLimits } from '../store/schema.ts'

/**
 * The defaults, overridden by what is given, the last first. They hold to within a row of each
 * partition: bytes always, records and age as long as a partition has another row.
 *
 * @throws {EdgelogError} `invalid_config`.
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
          `${name}: a whole number from ${least}, got ${value}`,
        )
      }
      limits[name] = value
    }
  }
  return limits
}
