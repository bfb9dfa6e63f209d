import { EdgelogError } from '../../src/core/errors.ts'

/**
 * Returns the address of a server without a trailing slash.
 *
 * @throws {EdgelogError} `invalid_config` for an invalid address.
 */
export function parseUrl(url: string): string {
  const isHttp = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
  if (!isHttp) throw new EdgelogError('invalid_config', `url: http or https is allowed, got ${url}`)
  const { origin, pathname } = new URL(url)
  return origin + pathname.replace(/\/+$/, '')
}
