/** Compares our grammars with Kafka's own definitions of its messages, which are JSON with comments. */
import {
  type AnyField,
  defaultOf,
  type Fields,
  includesVersion,
  NO_UUID,
  type VersionRange,
  versionsOf,
  type WireType,
} from '../../src/core/kafka/field.ts'
import { isFlexible, type Messages } from '../../src/core/kafka/schema.ts'

/** Fields that we name differently from Kafka, by the path of Kafka's names. */
export const RENAMES: { readonly [path: string]: string } = {
  'ProduceRequest.TopicData': 'topics',
  'ProduceRequest.TopicData.PartitionData': 'partitions',
  'ProduceResponse.Responses': 'topics',
  'ProduceResponse.Responses.PartitionResponses': 'partitions',
  'FetchResponse.Responses': 'topics',
}

export interface Definition {
  readonly apiKey: number
  readonly name: string
  readonly validVersions: string
  readonly flexibleVersions: string
  /** True if the last version may still change. */
  readonly latestVersionUnstable?: boolean
  readonly fields: readonly DefinedField[]
  readonly commonStructs?: readonly { readonly name: string; readonly fields: DefinedField[] }[]
}

interface DefinedField {
  readonly name: string
  readonly type: string
  readonly versions: string
  readonly nullableVersions?: string
  readonly taggedVersions?: string
  readonly tag?: number
  readonly default?: string | number | boolean
  readonly fields?: readonly DefinedField[]
}

export function parseDefinition(text: string): Definition {
  return JSON.parse(text.replace(/("(?:[^"\\]|\\.)*")|\/\/.*$/gm, '$1')) as Definition
}

/** Returns one line for each difference between what we serve of an API and what Kafka defines. */
export function differences(
  messages: Messages,
  request: Definition,
  response: Definition,
): readonly string[] {
  return [
    ...messageDifferences(messages, messages.request, request, `${messages.name}Request`),
    ...messageDifferences(messages, messages.response, response, `${messages.name}Response`),
  ]
}

function messageDifferences(
  messages: Messages,
  fields: Fields,
  definition: Definition,
  name: string,
): readonly string[] {
  const found = new Set<string>()
  if (definition.apiKey !== messages.key) found.add(`${name}: key is ${definition.apiKey}`)
  if (definition.name !== name) found.add(`${name}: name is ${definition.name}`)
  const valid = versionsOf(definition.validVersions as VersionRange)
  for (let version = messages.versions[0]; version <= messages.versions[1]; version++) {
    const at = `${name} v${version}`
    const isUnstable = definition.latestVersionUnstable === true && version === valid.to
    if (!includesVersion(valid, version) || isUnstable) found.add(`${at}: not a version of Kafka's`)
    if (isFlexible(messages, version) !== isIn(definition.flexibleVersions, version)) {
      found.add(`${at}: flexible versions are ${definition.flexibleVersions}`)
    }
    const ours = shapeOfOurs(messages, fields, version)
    const theirs = shapeOfTheirs(definition, definition.fields, version, name)
    for (const line of shapeDifferences(ours, theirs)) found.add(`${at}${line}`)
  }
  return [...found]
}

/** The shape of one version of a struct, in comparable texts. */
type Shape = readonly ShapedField[]
interface ShapedField {
  readonly name: string
  readonly type: string
  readonly isNullable: boolean
  readonly tag: number | null
  /** 'unused' if every served version has the field, and the writer must set it. */
  readonly default: string
  /** True if Kafka declares no default and allows null: then ours may also be null. */
  readonly mayDefaultToNull: boolean
  readonly inner: Shape | null
}

function shapeDifferences(ours: Shape, theirs: Shape): readonly string[] {
  const names = (shape: Shape) => shape.map(({ name }) => name).join(', ')
  if (names(ours) !== names(theirs)) {
    return [`: fields are ${names(theirs)}, ours ${names(ours)}`]
  }
  return ours.flatMap((our, index) => {
    const their = theirs[index] as ShapedField
    const found: string[] = []
    for (const key of ['type', 'isNullable', 'tag'] as const) {
      if (our[key] !== their[key]) found.push(`: ${key} is ${their[key]}, ours ${our[key]}`)
    }
    const isOurChoice =
      our.default === 'unused' || (our.default === 'null' && their.mayDefaultToNull)
    if (our.default !== their.default && !isOurChoice) {
      found.push(`: default is ${their.default}, ours ${our.default}`)
    }
    if (our.inner !== null && their.inner !== null) {
      found.push(...shapeDifferences(our.inner, their.inner))
    }
    return found.map((line) => `.${our.name}${line}`)
  })
}

function shapeOfOurs(messages: Messages, fields: Fields, version: number): Shape {
  return Object.entries(fields)
    .filter(([, { versions }]) => includesVersion(versions, version))
    .map(([name, field]) => ({
      name,
      type: nameOfType(field.type),
      isNullable: includesVersion(field.nullableVersions, version),
      tag: field.tagged,
      default: ourDefault(messages, field),
      mayDefaultToNull: false,
      inner: innerOfOurs(messages, field.type, version),
    }))
}

function nameOfType(type: WireType): string {
  switch (type.kind) {
    case 'array':
      return `[]${nameOfType(type.of)}`
    case 'long':
      return 'int64'
    default:
      return type.kind
  }
}

function innerOfOurs(messages: Messages, type: WireType, version: number): Shape | null {
  if (type.kind === 'array') return innerOfOurs(messages, type.of, version)
  return type.kind === 'struct' ? shapeOfOurs(messages, type.fields, version) : null
}

function ourDefault({ versions: [first, last] }: Messages, field: AnyField): string {
  const isAlwaysThere = field.versions.from <= first && last <= field.versions.to
  if (isAlwaysThere && !field.mayBeLeftOut) return 'unused'
  const value = defaultOf(field)
  if (value === null) return 'null'
  switch (field.type.kind) {
    case 'array':
    case 'bytes':
      return (value as ArrayLike<unknown>).length === 0 ? 'empty' : 'not empty'
    case 'struct':
      return 'that of its fields'
    default:
      return String(value)
  }
}

function shapeOfTheirs(
  definition: Definition,
  fields: readonly DefinedField[],
  version: number,
  path: string,
): Shape {
  return fields
    .filter(({ versions }) => isIn(versions, version))
    .map((field) => {
      const here = `${path}.${field.name}`
      const inner = fieldsOf(definition, field)
      const isNullable = isIn(field.nullableVersions, version)
      const tag = isIn(field.taggedVersions, version) ? (field.tag ?? null) : null
      return {
        name: RENAMES[here] ?? field.name.charAt(0).toLowerCase() + field.name.slice(1),
        type: typeOf(field, inner !== null),
        isNullable,
        tag,
        default: theirDefault(field, inner !== null),
        mayDefaultToNull: isNullable && tag === null && field.default === undefined,
        inner: inner === null ? null : shapeOfTheirs(definition, inner, version, here),
      }
    })
}

function fieldsOf(definition: Definition, field: DefinedField): readonly DefinedField[] | null {
  const name = field.type.replace('[]', '')
  const common = definition.commonStructs?.find((struct) => struct.name === name)
  return field.fields ?? common?.fields ?? null
}

function typeOf({ type }: DefinedField, isStruct: boolean): string {
  if (isStruct) return type.startsWith('[]') ? '[]struct' : 'struct'
  return type === 'records' ? 'bytes' : type
}

function theirDefault(field: DefinedField, isStruct: boolean): string {
  if (field.default === 'null') return 'null'
  if (field.type.startsWith('[]') || ['bytes', 'records'].includes(field.type)) return 'empty'
  if (isStruct) return 'that of its fields'
  if (field.type === 'uuid') return NO_UUID
  if (field.type === 'string') return String(field.default ?? '')
  if (field.type === 'bool') return String(field.default ?? false)
  return String(BigInt(field.default ?? 0))
}

function isIn(range: string | undefined, version: number): boolean {
  if (range === undefined || range === 'none') return false
  return includesVersion(versionsOf(range as VersionRange), version)
}
