/** Conversion of an error response into an error. */
import { expect, test } from 'vitest'
import { refusalOf, unavailable } from '../../client/http/request-error.ts'
import { EdgelogError } from '../../src/core/errors.ts'

function ours(code: string, status: number): Response {
  return Response.json({ error: { code, message: 'why', retryable: false } }, { status })
}

test.each([
  ['an error of the log', ours('out_of_order_sequence_number', 409), false],
  ['a code that this client does not have', ours('brand_new_code', 422), false],
  ['a log without a response', ours('unavailable', 503), true],
  ['a full queue', ours('throttled', 429), false],
  ['a partly failed produce', ours('partly_appended', 500), true],
  ['a proxy without a server behind it', new Response('bad gateway', { status: 502 }), true],
  ['a proxy that timed out', new Response('', { status: 408 }), true],
  ['a proxy that rejects the request', new Response('no', { status: 403 }), false],
])('mayHaveTakenEffect is correct for %s', async (_, response, expected) => {
  expect((await refusalOf(response, 0)).mayHaveTakenEffect).toBe(expected)
})

test('mayHaveTakenEffect is true for a call without a response', () => {
  expect(unavailable(new TypeError('fetch failed')).mayHaveTakenEffect).toBe(true)
})

test('mayHaveTakenEffect exists on errors that no server sent', () => {
  expect(new EdgelogError('invalid_record', 'why').mayHaveTakenEffect).toBe(false)
  expect(new EdgelogError('unavailable', 'why').mayHaveTakenEffect).toBe(true)
})
