/**
 * Kafka's DeleteAcls (key 31): removes the access control entries that match filters.
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
import { acl, aclFilter, LITERAL, NO_AUTHORIZER } from './acl-fields.ts'

export const DELETE_ACLS = messages({
  key: 31,
  name: 'DeleteAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: { filters: array(aclFilter) },
  response: {
    throttleTimeMs: int32.or(0),
    filterResults: array({
      errorCode: int16,
      errorMessage: nullableString.or(null),
      matchingAcls: array({
        errorCode: int16,
        errorMessage: nullableString.or(null),
        resourceType: int8,
        resourceName: string,
        patternType: int8.or(LITERAL),
        ...acl,
      }),
    }),
  },
})

export type DeleteAclsRequest = RequestOf<typeof DELETE_ACLS>
export type DeleteAclsResponse = ResponseOf<typeof DELETE_ACLS>

export const deleteAclsApi = handled(DELETE_ACLS, async ({ filters }, { broker }) => {
  const refusal = await clusterError(broker, 'alter')
  return { filterResults: filters.map(() => ({ ...(refusal ?? NO_AUTHORIZER), matchingAcls: [] })) }
})
