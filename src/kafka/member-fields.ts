/** Checks the ids that members send: a group stores them, and shows them to operators. */
import { EdgelogError } from '../core/errors.ts'
import { SHOWABLE } from '../core/group/group-id.ts'
import { GROUP_ID_LENGTH_MAX } from '../core/limits.ts'

/** @throws {EdgelogError} `invalid_request`. */
export function checkIds(ids: Readonly<Record<string, string | null>>): void {
  for (const [field, id] of Object.entries(ids)) {
    if (id === null || id === '' || (id.length <= GROUP_ID_LENGTH_MAX && SHOWABLE.test(id)))
      continue
    throw new EdgelogError(
      'invalid_request',
      `${field}: at most ${GROUP_ID_LENGTH_MAX} printable characters are allowed`,
    )
  }
}

/** Returns a client id in printable form. It may contain anything and is only displayed. */
export function shownClientId(clientId: string): string {
  const cut = clientId.slice(0, GROUP_ID_LENGTH_MAX)
  return cut === '' || SHOWABLE.test(cut) ? cut : cut.replaceAll(/[^\x20-\x7e]/g, '?')
}
