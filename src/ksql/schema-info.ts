/** The types of columns in ksqlDB's form. */
import type { ShownColumn } from '../core/sql/statements/statement-results.ts'
import { Cursor } from '../core/sql/syntax/cursor.ts'
import { tokenize } from '../core/sql/syntax/lexer.ts'
import { parseType } from '../core/sql/syntax/parse-type.ts'
import type { SqlType } from '../core/sql/types/sql-type.ts'

export interface SchemaInfo {
  readonly type: SqlType['kind']
  readonly fields: readonly FieldInfo[] | null
  /** The type of the elements of an array, or of the values of a map. */
  readonly memberSchema: SchemaInfo | null
  readonly parameters?: { readonly precision: number; readonly scale: number }
}

export interface FieldInfo {
  readonly name: string
  readonly schema: SchemaInfo
  readonly type?: 'KEY' | 'HEADER'
  readonly headerKey?: string
}

export function schemaInfo(typeText: string): SchemaInfo {
  return infoOf(parseType(new Cursor(tokenize(typeText), () => undefined)))
}

function infoOf(type: SqlType): SchemaInfo {
  const plain = { type: type.kind, fields: null, memberSchema: null }
  switch (type.kind) {
    case 'ARRAY':
      return { ...plain, memberSchema: infoOf(type.element) }
    case 'MAP':
      return { ...plain, memberSchema: infoOf(type.value) }
    case 'STRUCT':
      return {
        ...plain,
        fields: type.fields.map((field) => ({ name: field.name, schema: infoOf(field.type) })),
      }
    case 'DECIMAL':
      return { ...plain, parameters: { precision: type.precision, scale: type.scale } }
    default:
      return plain
  }
}

export function fieldInfo({ name, type, part, header }: ShownColumn): FieldInfo {
  return {
    ...{ name, schema: schemaInfo(type) },
    ...(part === 'key' && { type: 'KEY' as const }),
    ...(part === 'headers' && { type: 'HEADER' as const }),
    ...(header !== undefined && { headerKey: header }),
  }
}
