import { EdgelogError } from '../src/core/errors.ts'

/** @throws {EdgelogError} `invalid_config` for a value outside `min` to `max`. */
export function checkRange(name: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return
  throw new EdgelogError('invalid_config', `${name}: ${min} to ${max} is allowed, got ${value}`)
}
