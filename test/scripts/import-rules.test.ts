/** Breaks each rule on purpose: a fake file imports what its room must not. */
import { describe, expect, it } from 'vitest'
import { mayImport, mayUse, roomOf, violations } from '../../scripts/import-rules.ts'
import { ROOMS } from '../../scripts/rooms.ts'

const rooms = Object.keys(ROOMS)
const packages = [...new Set(rooms.flatMap((room) => ROOMS[room]?.packages ?? []))]
const UNKNOWN_PACKAGE = 'left-pad'

/** Returns a path in a room: the room itself if it is a file. */
function fileIn(room: string): string {
  return room.endsWith('.ts') ? room : `${room}/made-up.ts`
}

/** Returns the import path from one file to another. */
function relativePath(from: string, to: string): string {
  return `./${'../'.repeat(from.split('/').length - 1)}${to}`
}

function importing(room: string, ...others: string[]): { path: string; text: string } {
  const path = fileIn(room)
  const lines = others.map((other) => `import '${relativePath(path, fileIn(other))}'`)
  return { path, text: lines.join('\n') }
}

describe.each(rooms)('the room %s', (room) => {
  const others = rooms.filter((other) => other !== room)
  const forbidden = others.filter((other) => !mayImport(room, other))
  const forbiddenPackages = [...packages, UNKNOWN_PACKAGE].filter((name) => !mayUse(room, name))

  it('may not import the rooms that its row omits', () => {
    expect(forbidden).not.toEqual([])
    for (const other of forbidden) {
      expect(violations([importing(room, other)])).toEqual([
        `${fileIn(room)}: the room ${room} must not import ${fileIn(other)}`,
      ])
    }
  })

  it('may import itself and the rooms of its row', () => {
    const allowed = others.filter((other) => mayImport(room, other))
    expect(violations([importing(room, ...allowed)])).toEqual([])
    if (room.endsWith('.ts')) return
    expect(violations([{ path: `${room}/made-up.ts`, text: "import './other.ts'" }])).toEqual([])
  })

  it('may not use the packages that its row omits', () => {
    expect(forbiddenPackages).toContain(UNKNOWN_PACKAGE)
    for (const name of forbiddenPackages) {
      const file = { path: fileIn(room), text: `import { a } from '${name}'` }
      expect(violations([file])).toEqual([
        `${fileIn(room)}: the room ${room} must not use package ${name}`,
      ])
    }
  })

  it('may use the packages of its row', () => {
    for (const name of ROOMS[room]?.packages ?? []) {
      const used = name.endsWith(':') ? `${name}fs` : name
      const file = { path: fileIn(room), text: `import { a } from '${used}'` }
      expect(violations([file])).toEqual([])
    }
  })

  it('is imported by none of the rooms that it imports, directly or indirectly', () => {
    const reached = new Set(others.filter((other) => mayImport(room, other)))
    for (const one of reached) {
      for (const other of rooms) if (other !== one && mayImport(one, other)) reached.add(other)
    }
    expect([...reached]).not.toContain(room)
  })

  it('names only existing rooms', () => {
    for (const allowed of ROOMS[room]?.imports ?? []) {
      const path = allowed.replace(/\/\*\*$/, '')
      expect(rooms.some((other) => other === path || other.startsWith(`${path}/`))).toBe(true)
    }
  })
})

describe('the search for imports', () => {
  const forbiddenLines = [
    "import { a } from '../broker/a.ts'",
    "import type { A } from '../broker/a.ts'",
    "import '../broker/a.ts'",
    "export { a } from '../broker/a.ts'",
    "export type * from '../broker/a.ts'",
    "const a = await import('../broker/a.ts')",
    "type A = import('../broker/a.ts').A",
    "import {\n  a,\n  b,\n} from '../broker/a.ts'",
  ]

  it.each(forbiddenLines)('finds %j', (text) => {
    expect(violations([{ path: 'src/core/a.ts', text }])).toEqual([
      'src/core/a.ts: the room src/core must not import src/broker/a.ts',
    ])
  })

  it('skips the examples of comments', () => {
    const text = " * import { a } from '../broker/a.ts'\n// import { a } from '../broker/a.ts'"
    expect(violations([{ path: 'src/core/a.ts', text }])).toEqual([])
  })

  it('rejects a package whose name only begins like an allowed one', () => {
    const file = { path: 'src/http/a.ts', text: "import { a } from 'honolulu'" }
    expect(violations([file])).toHaveLength(1)
  })
})

describe('the room of a file', () => {
  it('is the one with the longest path', () => {
    expect(roomOf('client/browser/outbox/outbox-plan.ts')).toBe('client/browser/outbox')
    expect(roomOf('client/clock.ts')).toBe('client/clock.ts')
    expect(roomOf('client/client.ts')).toBe('client')
  })

  it('is required', () => {
    expect(violations([{ path: 'src/attic/a.ts', text: '' }])).toEqual([
      'src/attic/a.ts: stands in no room; scripts/rooms.ts lists them',
    ])
  })
})

describe('a circle of files', () => {
  const file = (name: string, ...imported: string[]) => ({
    path: `src/core/${name}.ts`,
    text: imported.map((other) => `import type { A } from './${other}.ts'`).join('\n'),
  })

  it('is reported once, with its files only', () => {
    const files = [file('a', 'b'), file('b', 'c', 'd'), file('c', 'b'), file('d')]
    expect(violations(files)).toEqual([
      'src/core/b.ts -> src/core/c.ts -> src/core/b.ts: files must not import one another in a circle',
    ])
  })

  it('is found if a file imports itself', () => {
    expect(violations([file('a', 'a')])).toHaveLength(1)
  })

  it('is not reported if two paths lead to one file', () => {
    expect(violations([file('a', 'b', 'c'), file('b', 'd'), file('c', 'd'), file('d')])).toEqual([])
  })
})
