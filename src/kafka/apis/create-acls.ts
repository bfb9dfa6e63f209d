/**
 * Kafka's CreateAcls (key 30): adds access control entries.
 */
import {
  array,
  int8,
  int16,
  int32,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { clusterError } from '../cluster-error.ts'
import { handled } from '../handled.ts'
import { acl, LITERAL, NO_AUTHORIZER } from './acl-fields.ts'

export const CREATE_ACLS = messages({
  key: 30,
  name: 'CreateAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    creations: array({
      resourceType: int8,
      resourceName: string,
      resourcePatternType: int8.or(LITERAL),
      ...acl,
    }),
  },
  response: {
    throttleTimeMs: int32.or(0),
    results: array({ errorCode: int16, errorMessage: nullableString.or(null) }),
  },
})

export type CreateAclsRequest = RequestOf<typeof CREATE_ACLS>
export type CreateAclsResponse = ResponseOf<typeof CREATE_ACLS>

export const createAclsApi = handled(CREATE_ACLS, async ({ creations }, { broker }) => {
  const refusal = await clusterError(broker, 'alter')
  return { results: creations.map(() => refusal ?? NO_AUTHORIZER) }
})
