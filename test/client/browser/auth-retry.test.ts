/** B14: readers whose token is rejected: which requests they send meanwhile, and what they report. */
import { beforeEach, expect, test } from 'vitest'
import { AUTH_RETRY_MS } from '../../../client/browser/limits.ts'
import { AuthRetry } from '../../../client/browser/reading/auth-retry.ts'
import { requestJson } from '../../../client/http/connection.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { ManualClock } from '../manual-clock.ts'

let clock: ManualClock
let response: () => Response
let calls: number
let renewals: number
let changes: number
let connection: { token: string | undefined } & AuthRetry['connection']
let authRetry: AuthRetry

beforeEach(() => {
  clock = new ManualClock()
  response = () => refusal('unauthorized', 401)
  calls = 0
  renewals = 0
  changes = 0
  const fetch = async () => {
    calls += 1
    return response()
  }
  connection = { url: 'https://fake', token: 'old', fetch, clock, random: () => 0.5 }
  authRetry = new AuthRetry({
    connection,
    renewToken: async () => {
      renewals += 1
      return false
    },
    changed: () => {
      changes += 1
    },
  })
})

function refusal(code: string, status: number): Response {
  return Response.json({ error: { code, message: 'no' } }, { status })
}

async function call(): Promise<string> {
  try {
    await requestJson(authRetry.connection, '/')
    return 'taken'
  } catch (error) {
    return error instanceof EdgelogError ? error.code : String(error)
  }
}

test('a rejected token is reported, and another one is requested', async () => {
  expect(authRetry.refusal).toBeUndefined()
  expect(await call()).toBe('unavailable')
  expect(authRetry.refusal).toMatchObject({
    code: 'unauthorized',
    message: 'no',
    atMs: clock.now(),
  })
  expect({ renewals, changes }).toEqual({ renewals: 1, changes: 1 })
})

test('no request is sent with a rejected token until the retry interval has passed', async () => {
  for (let tries = 0; tries < 5; tries++) expect(await call()).toBe('unavailable')
  expect({ calls, renewals }).toEqual({ calls: 1, renewals: 1 })
  clock.advance(AUTH_RETRY_MS)
  expect(await call()).toBe('unavailable')
  expect({ calls, renewals }).toEqual({ calls: 2, renewals: 2 })
  clock.advance(AUTH_RETRY_MS)
  response = () => Response.json({})
  expect(await call()).toBe('taken')
  expect(authRetry.refusal).toBeUndefined()
})

test('a new token is used at once, and so is the same one if it is set again', async () => {
  await call()
  connection.token = 'new'
  expect(authRetry.refusal).toBeUndefined()
  expect(await call()).toBe('unavailable')
  expect(calls).toBe(2)
  response = () => Response.json({})
  authRetry.forget()
  expect(await call()).toBe('taken')
  expect(await call()).toBe('taken')
  expect(calls).toBe(4)
})

test('the rejection of a token that was replaced meanwhile is not reported', async () => {
  response = () => {
    connection.token = 'new'
    return refusal('unauthorized', 401)
  }
  expect(await call()).toBe('unavailable')
  expect(authRetry.refusal).toBeUndefined()
  expect({ renewals, changes }).toEqual({ renewals: 0, changes: 0 })
})

test('a 403 of a foreign page is reported with its text', async () => {
  response = () => new Response('blocked by the firewall', { status: 403 })
  expect(await call()).toBe('unavailable')
  expect(authRetry.refusal).toMatchObject({
    code: 'forbidden',
    message: expect.stringContaining('firewall'),
  })
})

test('other errors are passed on unchanged', async () => {
  response = () => refusal('group_max_size_reached', 403)
  expect(await call()).toBe('group_max_size_reached')
  response = () => refusal('throttled', 429)
  expect(await call()).toBe('throttled')
  expect(authRetry.refusal).toBeUndefined()
  expect(renewals).toBe(0)
})
