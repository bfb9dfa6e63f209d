/** The fields and the error that DescribeAcls, CreateAcls and DeleteAcls share. */
import { int8, nullableString, string } from '../../core/kafka/schema.ts'

const SECURITY_DISABLED = 54

/** The error of a broker without an authorizer: edgelog has one token and no ACLs. */
export const NO_AUTHORIZER = {
  errorCode: SECURITY_DISABLED,
  errorMessage: 'No Authorizer is configured.',
}

/** Kafka's PatternType of a literal name. */
export const LITERAL = 3

export const aclFilter = {
  resourceTypeFilter: int8,
  resourceNameFilter: nullableString,
  patternTypeFilter: int8.or(LITERAL),
  principalFilter: nullableString,
  hostFilter: nullableString,
  operation: int8,
  permissionType: int8,
}

/** The part of an ACL that allows or denies an operation to a principal. */
export const acl = { principal: string, host: string, operation: int8, permissionType: int8 }
