/** Functions of URLs (RFC 3986). */
import { EvaluationError } from '../errors.ts'
import { scalar, variant } from './define.ts'
import type { ScalarFunction } from './function.ts'

interface Url {
  readonly scheme: string | undefined
  readonly host: string | undefined
  readonly port: number | undefined
  readonly path: string
  readonly query: string | undefined
  readonly fragment: string | undefined
}

const URL_PARTS = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s
const SCHEME = /^[A-Za-z][A-Za-z\d+.-]*$/
const AUTHORITY = /^(?:[^@]*@)?(\[[\da-fA-F:.]+\]|[^:@]*)(?::(\d{0,5}))?$/
/** Characters that a URL cannot have, and percent signs without two digits. */
const ILLEGAL = /[\s"<>\\^`{|}]|%(?![\da-fA-F]{2})/

export const URL_FUNCTIONS: readonly ScalarFunction[] = [
  scalar(
    'URL_DECODE_PARAM',
    'Decodes the value of a parameter of a URL.',
    variant('(STRING) -> STRING', (text: string) => decode(text.replaceAll('+', ' '))),
  ),
  scalar(
    'URL_ENCODE_PARAM',
    'Encodes a value as a parameter of a URL.',
    variant('(STRING) -> STRING', encode),
  ),
  extracting('FRAGMENT', 'STRING', ({ fragment }) => decoded(fragment)),
  extracting('HOST', 'STRING', ({ host }) => host ?? null),
  extracting('PATH', 'STRING', ({ path }) => decode(path)),
  extracting('PORT', 'INTEGER', ({ port }) => port ?? null),
  extracting('PROTOCOL', 'STRING', ({ scheme }) => scheme ?? null),
  extracting('QUERY', 'STRING', ({ query }) => decoded(query)),
  scalar(
    'URL_EXTRACT_PARAMETER',
    'Returns the value of a parameter in the query of a URL.',
    variant('(STRING, STRING) -> STRING', (url: string, name: string) => {
      for (const parameter of decoded(parseUrl(url).query)?.split('&') ?? []) {
        const end = parameter.indexOf('=')
        if ((end === -1 ? parameter : parameter.slice(0, end)) === name) {
          return end === -1 ? '' : parameter.slice(end + 1)
        }
      }
      return null
    }),
  ),
]

function extracting(
  part: string,
  type: string,
  of: (url: Url) => string | number | null,
): ScalarFunction {
  return scalar(
    `URL_EXTRACT_${part}`,
    `Returns the ${part.toLowerCase()} of a URL.`,
    variant(`(STRING) -> ${type}`, (url: string) => of(parseUrl(url))),
  )
}

function parseUrl(text: string): Url {
  const match = URL_PARTS.exec(text)
  const [, scheme, authority = '', path = '', query, fragment] = match ?? []
  if (match === null || ILLEGAL.test(text) || (scheme !== undefined && !SCHEME.test(scheme))) {
    throw new EvaluationError(`URL: '${text.slice(0, 100)}' has invalid syntax`)
  }
  const [, host = '', port = ''] = AUTHORITY.exec(authority) ?? []
  return {
    scheme,
    host: host === '' ? undefined : host,
    port: port === '' ? undefined : Number(port),
    path,
    query,
    fragment,
  }
}

function decoded(text: string | undefined): string | null {
  return text === undefined ? null : decode(text)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    throw new EvaluationError('URL: a percent sign is followed by what is no UTF-8')
  }
}

function encode(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '?'))
    .replace(/[!'()~]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
}
