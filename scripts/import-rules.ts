/** Checks which rooms of the source import one another, and which packages they use: `rooms.ts`. */
import { dirname, join, normalize } from 'node:path'
import { ROOMS } from './rooms.ts'

export interface SourceFile {
  /** Path from the root of the project, with slashes. */
  readonly path: string
  readonly text: string
}

/** Returns the room of a file, or undefined if it is in none. */
export function roomOf(path: string): string | undefined {
  return Object.keys(ROOMS)
    .filter((room) => isWithin(path, room))
    .sort((one, other) => other.length - one.length)[0]
}

/** Returns whether files of `room` may import files of another room. */
export function mayImport(room: string, other: string): boolean {
  return (ROOMS[room]?.imports ?? []).some((allowed) =>
    allowed.endsWith('/**') ? isWithin(other, allowed.slice(0, -'/**'.length)) : other === allowed,
  )
}

/** Returns whether files of `room` may import a package, or a path below it. */
export function mayUse(room: string, name: string): boolean {
  return (ROOMS[room]?.packages ?? []).some((allowed) =>
    allowed.endsWith(':') ? name.startsWith(allowed) : isWithin(name, allowed),
  )
}

/** Returns one sentence for each import that breaks a rule, and for each circle of files. */
export function violations(files: Iterable<SourceFile>): string[] {
  const imports = new Map<string, string[]>()
  const found: string[] = []
  for (const { path, text } of files) {
    const names = [...text.matchAll(IMPORTED)].map(([, name = '']) => name)
    imports.set(
      path,
      names.filter(isRelative).map((name) => normalize(join(dirname(path), name))),
    )
    found.push(...forbiddenImports(path, names))
  }
  return [...found, ...circles(imports)]
}

/** Matches imports in code, but not in the examples of comments, whose lines begin with a star. */
const IMPORTED = /^(?![ ]*(?:\*|\/\/))[^'\n]*(?:\bfrom|\bimport\(?)[ ]*'([^']+)'/gm

function forbiddenImports(path: string, names: readonly string[]): string[] {
  const room = roomOf(path)
  if (room === undefined) return [`${path}: stands in no room; scripts/rooms.ts lists them`]
  const found: string[] = []
  for (const name of names) {
    if (!isRelative(name)) {
      if (!mayUse(room, name)) found.push(`${path}: the room ${room} must not use package ${name}`)
      continue
    }
    const target = normalize(join(dirname(path), name))
    const other = roomOf(target)
    if (other === room || (other !== undefined && mayImport(room, other))) continue
    found.push(`${path}: the room ${room} must not import ${target}`)
  }
  return found
}

/** Reports the shortest circle through each file that is not in one reported before. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const reported = new Set<string>()
  const found: string[] = []
  for (const file of imports.keys()) {
    if (reported.has(file)) continue
    const circle = shortestCircle(file, imports)
    if (circle === undefined) continue
    for (const member of circle) reported.add(member)
    found.push(`${[...circle, file].join(' -> ')}: files must not import one another in a circle`)
  }
  return found
}

function shortestCircle(
  start: string,
  imports: ReadonlyMap<string, readonly string[]>,
): string[] | undefined {
  const importers = new Map<string, string>()
  const reached = new Set([start])
  // The loop also visits files that are added while it runs.
  for (const file of reached) {
    for (const next of imports.get(file) ?? []) {
      if (next === start) return pathTo(file, importers)
      if (!reached.has(next)) importers.set(next, file)
      reached.add(next)
    }
  }
  return undefined
}

function pathTo(file: string, importers: ReadonlyMap<string, string>): string[] {
  const path = [file]
  for (let at = importers.get(file); at !== undefined; at = importers.get(at)) path.unshift(at)
  return path
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

function isRelative(name: string): boolean {
  return name.startsWith('.')
}
