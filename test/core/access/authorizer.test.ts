/** Tests the errors of denied operations. */
import { expect, test } from 'vitest'
import { authorizationError } from '../../../src/core/access/authorizer.ts'
import { ANONYMOUS, TOKEN_HOLDER } from '../../../src/core/access/principal.ts'
import { CLUSTER, groupResource, topicResource } from '../../../src/core/access/resource.ts'

test.each([
  [topicResource('orders'), 'topic_authorization_failed', 'topic orders'],
  [groupResource('billing'), 'group_authorization_failed', 'group billing'],
  [CLUSTER, 'cluster_authorization_failed', 'the cluster'],
  [
    { type: 'transactional_id', name: 'tx' } as const,
    'transactional_id_authorization_failed',
    'transactional_id tx',
  ],
])('names the principal, the operation and the resource for %o', (resource, code, what) => {
  const error = authorizationError(TOKEN_HOLDER, 'describe', resource)
  expect(error.code).toBe(code)
  expect(error.message).toBe(`User:token is not allowed to describe ${what}`)
  expect(error.details).toEqual({ operation: 'describe', resource })
  expect(error.retryable).toBe(false)
})

test('uses the name that Kafka gives an unauthenticated principal', () => {
  expect(ANONYMOUS).toEqual({ type: 'User', name: 'ANONYMOUS' })
})
