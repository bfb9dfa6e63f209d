import { expect, test } from 'vitest'
import { useTarget } from './target.ts'

const { request } = useTarget()

test('GET / returns a page that runs no code but its own', async () => {
  const response = await request('GET', '/')
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toMatch(/^text\/html/)
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  const policy = response.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain('unsafe')
  const nonce = /script-src 'nonce-([\w-]+)'/.exec(policy)?.[1]
  const html = await response.text()
  expect(html).toMatch(/^<!doctype html>/)
  expect(html).toContain(`<script nonce="${nonce}">`)
  const other = await request('GET', '/')
  expect(other.headers.get('content-security-policy')).not.toBe(policy)
})
