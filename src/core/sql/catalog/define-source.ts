/** CREATE STREAM and CREATE TABLE of a topic: the statement becomes a source. */
import { SqlError } from '../errors.ts'
import { codecOf } from '../formats/formats.ts'
import type { ColumnDefinition, CreateSource } from '../syntax/ast.ts'
import {
  arrayOf,
  BYTES,
  equalTypes,
  quoteName,
  type SqlType,
  STRING,
  showType,
  structOf,
} from '../types/sql-type.ts'
import { columnsOf, type Source, type SourceColumn } from './source.ts'
import {
  checkProperties,
  type FormatDefaults,
  keyFormatOf,
  valueFormatOf,
  type WithProperties,
} from './with-properties.ts'

/** Names of columns that each source has. */
export const RESERVED_COLUMNS: ReadonlySet<string> = new Set([
  'ROWTIME',
  'ROWPARTITION',
  'ROWOFFSET',
  'WINDOWSTART',
  'WINDOWEND',
])

export interface DefinedSource {
  readonly source: Source
  readonly properties: WithProperties
}

export function defineSource(
  statement: CreateSource,
  text: string,
  defaults: FormatDefaults,
): DefinedSource {
  const { sourceKind, name, columns, isReadOnly } = statement
  const properties = checkProperties(statement.properties, 'source')
  if (properties.topic === undefined) {
    throw new SqlError('Missing required property "KAFKA_TOPIC" which has no default value.')
  }
  if (columns.length === 0) {
    throw new SqlError('The statement does not define any columns.')
  }
  if (statement.orReplace && isReadOnly) {
    throw new SqlError(
      `Cannot add ${sourceKind.toLowerCase()} ${quoteName(name)}: CREATE OR REPLACE is not supported on source ${sourceKind.toLowerCase()}s.`,
    )
  }
  const own = inOrder(columns.map((column) => sourceColumn(column, sourceKind)))
  checkColumns(own)
  const isKeyed = own.some(({ part }) => part === 'key')
  if (sourceKind === 'TABLE' && !isKeyed) {
    throw new SqlError('Tables require a PRIMARY KEY. Please define the PRIMARY KEY.')
  }
  const { window, topic } = properties
  if (window !== undefined && !isKeyed) {
    throw new SqlError('Windowed sources require a key column.')
  }
  const valueCount = own.filter(({ part }) => part === 'value').length
  const source: Source = {
    ...{ name, kind: sourceKind, columns: own, topic, statement: text },
    keyFormat: keyFormatOf(properties, defaults),
    valueFormat: valueFormatOf(properties, defaults, valueCount),
    ...(window === undefined ? {} : { window }),
    ...timestampOf(properties, own),
    ...(isReadOnly ? { isReadOnly } : {}),
  }
  checkFormats(source)
  return { source, properties }
}

/** @throws {SqlError} for columns that the formats of a source do not have. */
export function checkFormats(source: Source): void {
  const keys = columnsOf(source, 'key')
  try {
    codecOf(source.keyFormat, keys)
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    throw new SqlError(
      `Key format does not support schema. format: ${source.keyFormat.name}. Reason: ${error.message}`,
    )
  }
  for (const { name, type } of keys) refuseMaps(name, type)
  try {
    codecOf(source.valueFormat, columnsOf(source, 'value'))
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    throw new SqlError(
      `Value format does not support schema. format: ${source.valueFormat.name}. Reason: ${error.message}`,
    )
  }
}

function refuseMaps(name: string, type: SqlType): void {
  if (type.kind === 'MAP') {
    throw new SqlError(
      `Map keys, including types that contain maps, are not supported as they may lead to unexpected behavior due to inconsistent serialization. Key column name: ${quoteName(name)}`,
    )
  }
  if (type.kind === 'ARRAY') refuseMaps(name, type.element)
  if (type.kind === 'STRUCT') for (const field of type.fields) refuseMaps(name, field.type)
}

export function sourceColumn(
  { name, type, role }: ColumnDefinition,
  kind: Source['kind'],
): SourceColumn {
  if (role === undefined) return { name, type, part: 'value' }
  if (role === 'HEADERS') return { name, type, part: 'headers' }
  if (typeof role === 'object') return { name, type, part: role }
  if ((role === 'PRIMARY KEY') === (kind === 'TABLE')) return { name, type, part: 'key' }
  const [found, wanted] = kind === 'TABLE' ? ['KEY', 'PRIMARY KEY'] : ['PRIMARY KEY', 'KEY']
  throw new SqlError(
    `Column ${quoteName(name)} is a '${found}' column: please use '${wanted}' for ${kind.toLowerCase()}s.\nTables have PRIMARY KEYs, which are unique and NON NULL.\nStreams have KEYs, which have no uniqueness or NON NULL constraints.`,
  )
}

/** Keys come first. */
function inOrder(columns: readonly SourceColumn[]): SourceColumn[] {
  return [
    ...columns.filter(({ part }) => part === 'key'),
    ...columns.filter(({ part }) => part !== 'key'),
  ]
}

/** The type of a column with all headers. */
const HEADERS = arrayOf(
  structOf([
    { name: 'KEY', type: STRING },
    { name: 'VALUE', type: BYTES },
  ]),
)

export function checkColumns(columns: readonly SourceColumn[]): void {
  const seen = new Set<string>()
  const headers = new Set<string>()
  for (const { name, type, part } of columns) {
    if (RESERVED_COLUMNS.has(name))
      throw new SqlError(`'${quoteName(name)}' is a reserved column name.`)
    if (seen.has(name)) throw new SqlError(`Duplicate column names: ${quoteName(name)}`)
    seen.add(name)
    if (part === 'headers' && !equalTypes(type, HEADERS)) {
      throw new SqlError(
        `Invalid type for HEADERS column: expected ${showType(HEADERS)}, got ${showType(type)}`,
      )
    }
    if (typeof part === 'object' && type.kind !== 'BYTES') {
      throw new SqlError(
        `Invalid type for HEADER('${part.header}') column: expected BYTES, got ${showType(type)}`,
      )
    }
    if (part === 'key' || part === 'value') continue
    const header = part === 'headers' ? '' : part.header
    const hasAll = headers.has('') || (header === '' && headers.size > 0)
    if (hasAll || headers.has(header)) {
      throw new SqlError(
        `Schema already contains a HEADER column: ${quoteName(name)}; either one HEADERS column, or HEADER columns of different headers, are allowed`,
      )
    }
    headers.add(header)
  }
}

const TIMES: ReadonlySet<SqlType['kind']> = new Set(['BIGINT', 'TIMESTAMP', 'STRING'])

export function timestampOf(
  { timestamp, timestampPattern }: WithProperties,
  columns: readonly SourceColumn[],
): Pick<Source, 'timestamp'> {
  if (timestamp === undefined) return {}
  const column = columns.find(({ name }) => name === timestamp)
  if (column === undefined) {
    throw new SqlError(
      `The TIMESTAMP column set in the WITH clause does not exist in the schema: '${timestamp}'`,
    )
  }
  const { kind } = column.type
  const isText = kind === 'STRING'
  if (!TIMES.has(kind) || isText !== (timestampPattern !== undefined)) {
    throw new SqlError(
      isText
        ? `A String timestamp field has been specified without also specifying the timestamp_format: ${timestamp}`
        : kind === 'BIGINT' || kind === 'TIMESTAMP'
          ? `'TIMESTAMP_FORMAT' set, but the timestamp column ${timestamp} is not a string.`
          : `Timestamp column, ${quoteName(timestamp)}, should be LONG(INT64), TIMESTAMP, or a String with a timestamp_format specified.`,
    )
  }
  return {
    timestamp: {
      column: timestamp,
      ...(timestampPattern === undefined ? {} : { pattern: timestampPattern }),
    },
  }
}
