/** Chooses the media type of a response by the request's `Accept` (RFC 9110, section 12.5.1). */
import { accepts } from 'hono/accepts'
import { EdgelogError } from '../core/errors.ts'
import type { AppContext } from './env.ts'

/**
 * Returns the offered media type that the client prefers.
 *
 * @throws {EdgelogError} `not_acceptable`.
 */
export function negotiate<MediaType extends string>(
  c: AppContext,
  offered: readonly [MediaType, ...MediaType[]],
): MediaType {
  const chosen = accepts(c, {
    header: 'Accept',
    supports: [...offered],
    default: offered[0],
    match: (wanted) => {
      const byQuality = [...wanted].filter(({ q }) => q > 0).sort((a, b) => b.q - a.q)
      for (const { type } of byQuality) {
        const match = offered.find((mediaType) => matches(type.toLowerCase(), mediaType))
        if (match !== undefined) return match
      }
      return wanted.length === 0 ? offered[0] : ''
    },
  })
  const match = offered.find((mediaType) => mediaType === chosen)
  if (match !== undefined) return match
  throw new EdgelogError('not_acceptable', `Accept: ${offered.join(' or ')} is offered`)
}

function matches(range: string, mediaType: string): boolean {
  if (range === '*/*' || range === mediaType) return true
  return range.endsWith('/*') && mediaType.startsWith(range.slice(0, -1))
}
