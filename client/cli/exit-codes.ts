/** Done; refused or failed; called wrongly; cut short by Ctrl-C. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const
