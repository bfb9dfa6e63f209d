/** The format KAFKA: one column, as Kafka's own serializers write it. */
import { ByteReader } from '../../bytes/byte-reader.ts'
import { decodeShort, encodeText } from '../../bytes/short-text.ts'
import { EvaluationError, SqlError } from '../errors.ts'
import { type PlainKind, quoteName, showType } from '../types/sql-type.ts'
import { longOf, type Value } from '../types/value.ts'
import type { CodecFactory } from './format.ts'

interface PlainCodec {
  write(value: Exclude<Value, null>): Uint8Array
  read(bytes: Uint8Array): Value
}

const decoder = new TextDecoder('utf-8')

const CODECS: Readonly<Partial<Record<PlainKind, PlainCodec>>> = {
  INTEGER: {
    write: (value) => written(4, (view) => view.setInt32(0, value as number)),
    read: (bytes) => viewOf(bytes, 4, 'INTEGER').getInt32(0),
  },
  BIGINT: {
    write: (value) => written(8, (view) => view.setBigInt64(0, BigInt(value as number))),
    read: (bytes) => longOf(viewOf(bytes, 8, 'BIGINT').getBigInt64(0)),
  },
  DOUBLE: {
    write: (value) => written(8, (view) => view.setFloat64(0, value as number)),
    read: (bytes) => viewOf(bytes, 8, 'DOUBLE').getFloat64(0),
  },
  STRING: {
    write: (value) => encodeText(value as string),
    read: (bytes) => decodeShort(bytes) ?? decoder.decode(bytes),
  },
  BYTES: {
    write: (value) => value as Uint8Array,
    read: (bytes) => new ByteReader(bytes).bytes(bytes.length),
  },
}

export const kafkaFormat: CodecFactory = (columns) => {
  const [column] = columns
  if (column === undefined) return { serialize: () => null, deserialize: () => [] }
  if (columns.length > 1) {
    const names = columns.map(({ name, type }) => `${quoteName(name)} ${showType(type)}`)
    throw new SqlError(
      `The 'KAFKA' format only supports a single field. Got: [${names.join(', ')}]`,
    )
  }
  const codec = CODECS[column.type.kind as PlainKind]
  if (codec === undefined) {
    throw new SqlError(
      `The 'KAFKA' format does not support type '${column.type.kind}'; ${Object.keys(CODECS).join(', ')} are allowed: column ${column.name}`,
    )
  }
  return {
    serialize: ([value = null]) => (value === null ? null : codec.write(value)),
    deserialize: (bytes) => [codec.read(bytes)],
  }
}

function written(sizeBytes: number, write: (view: DataView) => void): Uint8Array {
  const target = new Uint8Array(sizeBytes)
  write(new DataView(target.buffer))
  return target
}

function viewOf(bytes: Uint8Array, sizeBytes: number, kind: string): DataView {
  if (bytes.length !== sizeBytes) {
    throw new EvaluationError(`a ${kind} has ${sizeBytes} bytes, got ${bytes.length}`)
  }
  return new DataView(bytes.buffer, bytes.byteOffset, sizeBytes)
}
