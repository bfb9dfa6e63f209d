/** Ids of groups. Made only here, at the door; the rooms behind it trust the type. */
import { EdgelogError } from '../errors.ts'
import { GROUP_ID_LENGTH_MAX } from '../limits.ts'
import { shownValue } from '../shown-value.ts'

declare const groupId: unique symbol

/** Text that obeys the rule for group ids. */
export type GroupId = string & { readonly [groupId]: true }

/** Text that a terminal and a log show as it is: no control, format or lone surrogate characters. */
export const SHOWABLE = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u
/** A path would lead elsewhere. */
const DOTS = /^\.{1,2}$/

/**
 * Checks a group's id.
 *
 * @param field What the message calls the value.
 * @throws {EdgelogError} `invalid_group_id`.
 */
export function parseGroupId(value: unknown, field = 'groupId'): GroupId {
  if (isGroupId(value)) return value
  throw new EdgelogError(
    'invalid_group_id',
    `${field}: 1 to ${GROUP_ID_LENGTH_MAX} characters that can be shown are allowed, but not "." and ".."; got ${shownValue(value)}`,
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
