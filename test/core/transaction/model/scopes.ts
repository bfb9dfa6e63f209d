/** The worlds that are searched. */
import type { Scope } from './state.ts'

/** Two producers of one transactional id, and any one fault. */
export const RIVALS: Scope = {
  version: 2,
  programs: [[['p0', 'p1', 'commit']], [['p0', 'commit']]],
  faults: 1,
}

/** Offsets of two transactions and of a commit without one, and any one fault. */
export const OFFSETS: Scope = {
  version: 2,
  programs: [
    [
      ['p0', 'group', 'abort'],
      ['group', 'commit'],
    ],
  ],
  faults: 1,
  plainCommits: 1,
}

/** Two transactions of one producer, and any two faults. */
export const SUCCESSIVE: Scope = {
  version: 2,
  programs: [
    [
      ['p0', 'p1', 'commit'],
      ['p0', 'commit'],
    ],
  ],
  faults: 2,
}

/** Three transactions of two producers, over two partitions and a group, and any one fault. */
export const ALL: Scope = {
  version: 2,
  programs: [
    [
      ['p0', 'p1', 'commit'],
      ['p1', 'commit'],
    ],
    [['p0', 'group', 'commit']],
  ],
  faults: 1,
  plainCommits: 1,
}

/** Too many states to visit all. */
export const LARGE: Scope = {
  version: 2,
  programs: [
    [
      ['p0', 'p1', 'group', 'commit'],
      ['p1', 'abort'],
      ['p0', 'p1', 'commit'],
    ],
    [
      ['group', 'p0', 'commit'],
      ['p1', 'group', 'commit'],
    ],
    [['p0', 'p1', 'commit']],
  ],
  faults: 5,
  plainCommits: 2,
}

/** Clients without KIP-890: one epoch for many transactions. */
export function withVersion1(scope: Scope): Scope {
  return { ...scope, version: 1 }
}
