/** Group ids. They are created only here, at the edge; code behind it relies on the type. */
import { EdgelogError } from '../errors.ts'
import { GROUP_ID_LENGTH_MAX } from '../limits.ts'
import { shownValue } from '../shown-value.ts'

declare const groupId: unique symbol

/** A string that is a valid group id. */
export type GroupId = string & { readonly [groupId]: true }

/** Characters that a terminal and a log display unchanged: no control, format or lone surrogate characters. */
export const SHOWABLE = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u
/** In a URL path these would address another resource. */
const DOTS = /^\.{1,2}$/

/**
 * Checks a group id.
 *
 * @param field The name of the value in the error message.
 * @throws {EdgelogError} `invalid_group_id`.
 */
export function parseGroupId(value: unknown, field = 'groupId'): GroupId {
  if (isGroupId(value)) return value
  throw new EdgelogError(
    'invalid_group_id',
    `${field}: 1 to ${GROUP_ID_LENGTH_MAX} printable characters are allowed, but not "." and ".."; got ${shownValue(value)}`,
  )
}

function isGroupId(value: unknown): value is GroupId {
  return (
    typeof value === 'string' &&
    value.length <= GROUP_ID_LENGTH_MAX &&
    SHOWABLE.test(value) &&
    !DOTS.test(value)
  )
}
