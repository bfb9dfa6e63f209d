import { EdgelogError } from '../../src/core/errors.ts'

/**
 * The address of a server without a slash at its end.
 *
 * @throws {EdgelogError} `invalid_config` for an address that is none.
 */
export function parseUrl(url: string): string {
  const isHttp = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
  if (!isHttp) throw new EdgelogError('invalid_config', `url: http(s)://... is needed, got ${url}`)
  const { origin, pathname } = new URL(url)
  return origin + pathname.replace(/\/+$/, '')
}
