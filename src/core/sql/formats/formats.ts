/** The formats by name. */
import { SqlError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import { quoteName, showType } from '../types/sql-type.ts'
import { delimitedFormat } from './delimited.ts'
import type { Column, FormatOptions, RowCodec } from './format.ts'
import { jsonFormat } from './json.ts'
import { kafkaFormat } from './kafka.ts'

const FORMATS = {
  JSON: jsonFormat,
  KAFKA: kafkaFormat,
  DELIMITED: delimitedFormat,
  NONE: noneFormat,
}

export type FormatName = keyof typeof FORMATS

/** Formats whose schemas are in a schema registry. */
const WITH_REGISTRY: ReadonlySet<string> = new Set(['AVRO', 'PROTOBUF', 'PROTOBUF_NOSR', 'JSON_SR'])

/** How the keys, or the values, of a source are written. */
export interface ChosenFormat extends FormatOptions {
  readonly name: FormatName
}

/** @throws {SqlError} for a name that is not known. */
export function formatName(given: string): FormatName {
  const name = given.toUpperCase()
  if (Object.hasOwn(FORMATS, name)) return name as FormatName
  if (WITH_REGISTRY.has(name)) {
    throw new SqlError(
      `format ${name}: needs a schema registry, which is not there yet; JSON, KAFKA, DELIMITED and NONE are allowed`,
    )
  }
  const near = nearestName(name, Object.keys(FORMATS))
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  throw new SqlError(
    `Unknown format: ${given}; JSON, KAFKA, DELIMITED and NONE are allowed.${hint}`,
  )
}

/** @throws {SqlError} for columns that the format does not have. */
export function codecOf({ name, ...options }: ChosenFormat, columns: readonly Column[]): RowCodec {
  return FORMATS[name](columns, options)
}

function noneFormat(columns: readonly Column[]): RowCodec {
  if (columns.length > 0) {
    const names = columns.map(({ name, type }) => `${quoteName(name)} ${showType(type)}`)
    throw new SqlError(
      `The 'NONE' format can only be used when no columns are defined. Got: [${names.join(', ')}]`,
    )
  }
  return { serialize: () => null, deserialize: () => [] }
}

/** Returns whether a lone column may be written with, and without, an object around it. */
export function canChooseWrapping(name: FormatName): boolean {
  return name === 'JSON'
}
