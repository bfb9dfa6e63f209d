/** The format DELIMITED: the columns in their order, as in a line of a CSV file. */
import { decodeBase64, encodeBase64 } from '../../bytes/base64.ts'
import { EvaluationError, SqlError } from '../errors.ts'
import { castOf, textOf } from '../types/cast.ts'
import { type SqlType, STRING } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import type { CodecFactory } from './format.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8')

interface FieldCodec {
  write(value: Exclude<Value, null>): string
  read(text: string): Value
}

export const delimitedFormat: CodecFactory = (columns, { delimiter = ',' }) => {
  const codecs = columns.map(({ name, type }) => fieldCodec(name, type))
  const mark = { TAB: '\t', SPACE: ' ' }[delimiter] ?? delimiter
  return {
    serialize(row) {
      if (codecs.length === 0) return null
      const fields = codecs.map((codec, index) => {
        const value = row[index] ?? null
        return value === null ? '' : quoted(codec.write(value), mark, index === 0)
      })
      return encoder.encode(fields.join(mark))
    },
    deserialize(bytes) {
      const fields = splitLine(decoder.decode(bytes), mark)
      if (fields.length !== codecs.length) {
        throw new EvaluationError(
          `Unexpected field count, csvFields:${fields.length} schemaFields:${codecs.length}`,
        )
      }
      return codecs.map((codec, index) => {
        const text = fields[index] as string
        return text === '' ? null : codec.read(text)
      })
    },
  }
}

function fieldCodec(name: string, type: SqlType): FieldCodec {
  switch (type.kind) {
    case 'STRING':
      return { write: (value) => value as string, read: (text) => text }
    case 'BYTES':
      return { write: (value) => encodeBase64(value as Uint8Array), read: decodeBase64 }
    case 'TIME':
    case 'DATE':
    case 'TIMESTAMP':
      return {
        write: String,
        read: (text) => Number(castOf(STRING, { kind: 'BIGINT' })(text as never)),
      }
    case 'ARRAY':
    case 'MAP':
    case 'STRUCT':
      throw new SqlError(
        `The 'DELIMITED' format does not support type '${type.kind}', column: ${name}`,
      )
    default: {
      const show = textOf(type) as (value: Value) => string
      return { write: show, read: castOf(STRING, type) as (text: string) => Value }
    }
  }
}

/** Puts a field into quotes if it could be read as something else. */
function quoted(text: string, mark: string, isFirst: boolean): string {
  const isPlain =
    !text.includes(mark) &&
    !/["\r\n]|^[\0-#]|[\0- ]$/.test(text) &&
    // The first field of a line is in quotes unless it begins with a letter or a digit.
    !(isFirst && !/^[A-Za-z0-9]/.test(text))
  return isPlain ? text : `"${text.replaceAll('"', '""')}"`
}

function splitLine(text: string, mark: string): string[] {
  const fields: string[] = []
  let at = 0
  for (;;) {
    const { field, end } = text[at] === '"' ? quotedField(text, at) : plainField(text, at, mark)
    fields.push(field)
    if (end >= text.length) return fields
    if (!text.startsWith(mark, end)) {
      throw new EvaluationError('a quoted field is followed by the delimiter or the end')
    }
    at = end + mark.length
  }
}

interface Field {
  readonly field: string
  readonly end: number
}

function plainField(text: string, from: number, mark: string): Field {
  const found = text.indexOf(mark, from)
  const end = found === -1 ? text.length : found
  return { field: text.slice(from, end), end }
}

function quotedField(text: string, from: number): Field {
  let field = ''
  let at = from + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote === -1) throw new EvaluationError('a quoted field has no end')
    field += text.slice(at, quote)
    if (text[quote + 1] !== '"') return { field, end: quote + 1 }
    field += '"'
    at = quote + 2
  }
}
