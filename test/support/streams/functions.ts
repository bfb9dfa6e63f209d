/** The functions of the generated topologies; `Functions.java` has the same ones. */

type Text = string | null

export const PREDICATES: Readonly<Record<string, (key: Text, value: Text) => boolean>> = {
  even: (_, value) => value !== null && value.length % 2 === 0,
  'key-a': (key) => key === 'a',
  'null-or-early': (_, value) => value === null || value < 'n',
}

export const MAPPERS: Readonly<Record<string, (value: Text) => Text>> = {
  mark: (value) => (value === null ? null : clip(`${value}!`)),
  fill: (value) => (value === null ? 'nil' : value),
  'lose-long': (value) => (value === null || value.length > 3 ? null : clip(`${value}s`)),
}

export const KEYS: Readonly<Record<string, (key: Text, value: Text) => Text>> = {
  first: (key, value) => (value === null || value === '' ? key : value.slice(0, 1)),
  fill: (key) => key ?? 'z',
  'lose-x': (key, value) => (value?.endsWith('x') ? null : key),
}

export const FLAT_MAPPERS: Readonly<Record<string, (value: Text) => Text[]>> = {
  twice: (value) => [clip(`${value}1`), clip(`${value}2`)],
  odd: (value) => (value === null || value.length % 2 === 0 ? [] : [value]),
}

export function flatWithKeys(key: Text, value: Text): ReadonlyArray<readonly [Text, Text]> {
  return [
    [key, clip(`${value}k`)],
    ['a', value],
  ]
}

export function reduce(one: Text, other: Text): Text {
  return clip(`${one}${other}`)
}

export const ADDERS: Readonly<Record<string, (value: Text, aggregate: Text) => Text>> = {
  all: (value, aggregate) => clip(`${aggregate}+${value}`),
  'drop-x': (value, aggregate) => (value?.endsWith('x') ? null : clip(`${aggregate}+${value}`)),
}

export function subtract(value: Text, aggregate: Text): Text {
  return clip(`${aggregate}-${value}`)
}

export function merge(one: Text, other: Text): Text {
  return clip(`(${one}&${other})`)
}

export function join(left: Text, right: Text): Text {
  return clip(`${left}/${right}`)
}

export function foreignKey(value: Text): Text {
  return value === null || value === '' || value.startsWith('z') ? null : value.slice(0, 1)
}

/** Values would grow without end in a chain of operators. */
function clip(text: string): string {
  return text.slice(-24)
}
