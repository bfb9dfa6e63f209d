/** Done; refused or failed; called wrongly; stopped by Ctrl-C before the end. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const
