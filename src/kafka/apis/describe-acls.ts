/**
 * Kafka's DescribeAcls (key 29): lists the access control entries that match a filter.
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

export const DESCRIBE_ACLS = messages({
  key: 29,
  name: 'DescribeAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: aclFilter,
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    errorMessage: nullableString.or(null),
    resources: array({
      resourceType: int8,
      resourceName: string,
      patternType: int8.or(LITERAL),
      acls: array(acl),
    }),
  },
})

export type DescribeAclsRequest = RequestOf<typeof DESCRIBE_ACLS>
export type DescribeAclsResponse = ResponseOf<typeof DESCRIBE_ACLS>

export const describeAclsApi = handled(DESCRIBE_ACLS, async (_, { broker }) => {
  const refusal = await clusterError(broker, 'describe')
  if (refusal !== undefined) return { ...refusal, resources: [] }
  // A broker uses a different message here than for changes.
  const errorMessage = 'No Authorizer is configured on the broker'
  return { ...NO_AUTHORIZER, errorMessage, resources: [] }
})
