/**
 * The schema language for the fields of Kafka messages and their versions. The definitions carry their
 * TypeScript types, and `codec.ts` compiles them for one version.
 */

/** '3-12', '13+' or '7', in Kafka's notation. */
export type VersionRange = `${number}` | `${number}-${number}` | `${number}+`

export interface Versions {
  readonly from: number
  /** Inclusive; Infinity for '13+'. */
  readonly to: number
}

export const ALL_VERSIONS: Versions = { from: 0, to: Number.POSITIVE_INFINITY }
const NO_VERSIONS: Versions = { from: 0, to: -1 }

export type ScalarKind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'int64'
  | 'long'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'

export type WireType =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'array'; readonly of: WireType }
  | { readonly kind: 'struct'; readonly fields: Fields }

/**
 * A field that is read as `Read` and written from `Written`; the two differ only in structs with fields that
 * may be omitted on writing. Immutable: each method returns a new field.
 */
export interface Field<Read, Written, MayBeLeftOut extends boolean> {
  /** For the type checker only; undefined at run time. */
  readonly types?: { readonly read: Read; readonly written: Written; readonly out: MayBeLeftOut }
  readonly type: WireType
  readonly versions: Versions
  readonly nullableVersions: Versions
  /** The tag if the field is one of the tagged fields at the end of its struct; otherwise null. */
  readonly tagged: number | null
  /** The value given to `.or`; undefined: the zero value of the type. */
  readonly fallback: unknown
  readonly mayBeLeftOut: boolean
  /** Limits the field to these versions. */
  in(versions: VersionRange): Field<Read, Written, MayBeLeftOut>
  /** Allows null in these versions. */
  nullableIn(versions: VersionRange): Field<Read | null, Written | null, MayBeLeftOut>
  /** Sets the value for versions without the field, and for writers that omit it. */
  or(value: Written): Field<Read, Written, true>
  /** Makes the field a tagged field of these versions; it is not written if it equals its default. */
  tag(tag: number, versions: VersionRange): Field<Read, Written, true>
}

export type AnyField = Field<unknown, unknown, boolean>
/** Fields in the order in which they are written. */
export type Fields = { readonly [name: string]: AnyField }

/** The type of a read struct: every field is present. */
export type ReadOf<F extends Fields> = {
  readonly [Name in keyof F]: F[Name] extends Field<infer Read, unknown, boolean> ? Read : never
}

type OptionalNames<F extends Fields> = {
  [Name in keyof F]: F[Name] extends Field<unknown, unknown, true> ? Name : never
}[keyof F]
type WrittenValue<F> = F extends Field<unknown, infer Written, boolean> ? Written : never
/** Makes the compiler show one object in its messages. */
type Flat<T> = { [Name in keyof T]: T[Name] }

/** The type of a struct to write: fields with `.or` or `.tag` may be omitted. */
export type WrittenOf<F extends Fields> = Flat<
  { readonly [Name in Exclude<keyof F, OptionalNames<F>>]: WrittenValue<F[Name]> } & {
    readonly [Name in OptionalNames<F>]?: WrittenValue<F[Name]> | undefined
  }
>

/** The uuid for "none". */
export const NO_UUID = '00000000-0000-0000-0000-000000000000'

export const bool = scalar<boolean>('bool')
export const int8 = scalar<number>('int8')
export const int16 = scalar<number>('int16')
export const uint16 = scalar<number>('uint16')
export const int32 = scalar<number>('int32')
/** An int64 as a bigint, for ids that use all bits. */
export const int64 = scalar<bigint>('int64')
/** An int64 as a number, for offsets and times. Values beyond the safe integers are read as the nearest one. */
export const long = scalar<number>('long')
export const float64 = scalar<number>('float64')
/** Text of 8-4-4-4-12 hexadecimal digits in lower case. */
export const uuid = scalar<string>('uuid')
/** At most 32,767 bytes of UTF-8. Invalid UTF-8 is read as U+FFFD, as in Kafka. */
export const string = scalar<string>('string')
export const nullableString = string.nullableIn('0+')
/** Bytes or records; a read value is a view of the frame. */
export const bytes = scalar<Uint8Array>('bytes')
export const nullableBytes = bytes.nullableIn('0+')

/** Defines an array of one type, or of structs with these fields. */
export function array<R, W, O extends boolean>(
  of: Field<R, W, O>,
): Field<readonly R[], readonly W[], false>
export function array<F extends Fields>(
  of: F,
): Field<readonly ReadOf<F>[], readonly WrittenOf<F>[], false>
export function array(of: AnyField | Fields): AnyField {
  return field<unknown, unknown, false>(plain({ kind: 'array', of: elementType(of) }))
}

export function nullableArray<R, W, O extends boolean>(
  of: Field<R, W, O>,
): Field<readonly R[] | null, readonly W[] | null, false>
export function nullableArray<F extends Fields>(
  of: F,
): Field<readonly ReadOf<F>[] | null, readonly WrittenOf<F>[] | null, false>
export function nullableArray(of: AnyField | Fields): AnyField {
  const type: WireType = { kind: 'array', of: elementType(of) }
  return field<unknown, unknown, false>(plain(type)).nullableIn('0+')
}

export function struct<F extends Fields>(fields: F): Field<ReadOf<F>, WrittenOf<F>, false> {
  return field(plain({ kind: 'struct', fields }))
}

export function nullableStruct<F extends Fields>(
  fields: F,
): Field<ReadOf<F> | null, WrittenOf<F> | null, false> {
  return struct(fields).nullableIn('0+')
}

/** @throws {Error} for an invalid range, which is a defect of a grammar. */
export function versionsOf(range: VersionRange): Versions {
  const parts = /^(\d+)(?:-(\d+)|(\+))?$/.exec(range)
  if (parts === null) throw new Error(`not a range of versions: ${range}`)
  const from = Number(parts[1])
  if (parts[3] !== undefined) return { from, to: Number.POSITIVE_INFINITY }
  return { from, to: parts[2] === undefined ? from : Number(parts[2]) }
}

export function includesVersion({ from, to }: Versions, version: number): boolean {
  return from <= version && version <= to
}

/** Returns the value of an absent field: the one given to `.or`, otherwise the zero of its type, as in Kafka. */
export function defaultOf({ fallback, type }: AnyField): unknown {
  return fallback === undefined ? zeroOf(type) : fallback
}

/** Shared by all read messages, and therefore frozen. */
const EMPTY_ARRAY: readonly never[] = Object.freeze([])
const NO_BYTES = new Uint8Array()

function zeroOf(type: WireType): unknown {
  switch (type.kind) {
    case 'bool':
      return false
    case 'int64':
      return 0n
    case 'uuid':
      return NO_UUID
    case 'string':
      return ''
    case 'bytes':
      return NO_BYTES
    case 'array':
      return EMPTY_ARRAY
    case 'struct':
      return Object.freeze(
        Object.fromEntries(
          Object.entries(type.fields).map(([name, inner]) => [name, defaultOf(inner)]),
        ),
      )
    default:
      return 0
  }
}

type Spec = Pick<
  AnyField,
  'type' | 'versions' | 'nullableVersions' | 'tagged' | 'fallback' | 'mayBeLeftOut'
>

function plain(type: WireType): Spec {
  return {
    type,
    versions: ALL_VERSIONS,
    nullableVersions: NO_VERSIONS,
    tagged: null,
    fallback: undefined,
    mayBeLeftOut: false,
  }
}

function field<R, W, O extends boolean>(spec: Spec): Field<R, W, O> {
  return {
    ...spec,
    in: (range) => field({ ...spec, versions: versionsOf(range) }),
    nullableIn: (range) => field({ ...spec, nullableVersions: versionsOf(range) }),
    or: (fallback) => field({ ...spec, fallback, mayBeLeftOut: true }),
    tag: (tagged, range) =>
      field({ ...spec, tagged, versions: versionsOf(range), mayBeLeftOut: true }),
  }
}

function scalar<T>(kind: ScalarKind): Field<T, T, false> {
  return field(plain({ kind }))
}

function elementType(of: AnyField | Fields): WireType {
  return isField(of) ? of.type : { kind: 'struct', fields: of }
}

/** Returns whether `of` is a field. A group of fields may contain one named `in`, but that is not a function. */
function isField(of: AnyField | Fields): of is AnyField {
  return typeof of.in === 'function'
}
