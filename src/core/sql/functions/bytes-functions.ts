/** Functions of bytes, and those that do the same for texts and bytes. */
import { EvaluationError } from '../errors.ts'
import { longOf, type Value } from '../types/value.ts'
import { nullable, scalar, variant } from './define.ts'
import { encodingOf } from './encodings.ts'
import type { FunctionVariant, ScalarFunction } from './function.ts'
import { checkElements, checkLength, joinTexts } from './result-limits.ts'

type Sliceable = string | Uint8Array

export const BYTES_FUNCTIONS: readonly ScalarFunction[] = [
  scalar(
    'BIGINT_FROM_BYTES',
    'Returns the number of 8 bytes, in the order BIG_ENDIAN or LITTLE_ENDIAN.',
    ...fromBytesVariants('BIGINT', 8, (view, isLittle) => longOf(view.getBigInt64(0, isLittle))),
  ),
  scalar(
    'DOUBLE_FROM_BYTES',
    'Returns the number of 8 bytes, in the order BIG_ENDIAN or LITTLE_ENDIAN.',
    ...fromBytesVariants('DOUBLE', 8, (view, isLittle) => view.getFloat64(0, isLittle)),
  ),
  scalar(
    'INT_FROM_BYTES',
    'Returns the number of 4 bytes, in the order BIG_ENDIAN or LITTLE_ENDIAN.',
    ...fromBytesVariants('INTEGER', 4, (view, isLittle) => view.getInt32(0, isLittle)),
  ),
  scalar(
    'CONCAT',
    'Joins texts or bytes; NULLs are left out.',
    nullable('(STRING...) -> STRING', (...texts: Value[]) => joinPresent('CONCAT', texts, '')),
    nullable('(BYTES...) -> BYTES', (...parts: Value[]) => joinBytes('CONCAT', parts)),
  ),
  scalar(
    'CONCAT_WS',
    'Joins texts or bytes with a separator, which comes first; NULLs are left out.',
    nullable('(STRING, STRING...) -> STRING', (separator: string | null, ...texts: Value[]) =>
      separator === null ? null : joinPresent('CONCAT_WS', texts, separator),
    ),
    nullable('(BYTES, BYTES...) -> BYTES', (separator: Uint8Array | null, ...parts: Value[]) => {
      const kept = parts.filter((part) => part !== null)
      const joined = kept.flatMap((part, index) => (index === 0 ? [part] : [separator, part]))
      return separator === null ? null : joinBytes('CONCAT_WS', joined)
    }),
  ),
  scalar(
    'ENCODE',
    'Converts a text from one encoding to another: hex, utf8, ascii or base64.',
    variant('(STRING, STRING, STRING) -> STRING', (text: string, from: string, to: string) => {
      const encoded = encodingOf(to).toText(encodingOf(from).toBytes(text))
      return to.toLowerCase() === 'hex' ? encoded.toLowerCase() : encoded
    }),
  ),
  scalar(
    'FROM_BYTES',
    'Returns bytes as text in an encoding: hex, utf8, ascii or base64.',
    variant('(BYTES, STRING) -> STRING', (bytes: Uint8Array, name: string) =>
      encodingOf(name).toText(bytes),
    ),
  ),
  scalar(
    'TO_BYTES',
    'Returns the bytes of a text in an encoding: hex, utf8, ascii or base64.',
    variant('(STRING, STRING) -> BYTES', (text: string, name: string) =>
      encodingOf(name).toBytes(text),
    ),
  ),
  scalar(
    'LEN',
    'Returns the number of characters or bytes.',
    variant('(STRING) -> INTEGER', (text: string) => text.length),
    variant('(BYTES) -> INTEGER', (bytes: Uint8Array) => bytes.length),
  ),
  scalar(
    'LPAD',
    'Fills up a text or bytes at the beginning to a length, or cuts the end.',
    ...padVariants('LPAD', true),
  ),
  scalar(
    'RPAD',
    'Fills up a text or bytes at the end to a length, or cuts the end.',
    ...padVariants('RPAD', false),
  ),
  scalar(
    'SPLIT',
    'Splits a text or bytes at each separator.',
    variant('(STRING, STRING) -> ARRAY<STRING>', splitText),
    variant('(BYTES, BYTES) -> ARRAY<BYTES>', splitBytes),
  ),
  scalar(
    'SUBSTRING',
    'Returns the part that begins at a position, from 1 on, or from the end if it is negative, and has a length.',
    variant('(STRING, INTEGER) -> STRING', substring),
    variant('(STRING, INTEGER, INTEGER) -> STRING', substring),
    variant('(BYTES, INTEGER) -> BYTES', substring),
    variant('(BYTES, INTEGER, INTEGER) -> BYTES', substring),
  ),
]

function fromBytesVariants(
  type: string,
  size: number,
  read: (view: DataView, isLittle: boolean) => Value,
): FunctionVariant[] {
  const call = (bytes: Uint8Array, order = 'BIG_ENDIAN'): Value => {
    const isLittle = order.toUpperCase() === 'LITTLE_ENDIAN'
    if (!isLittle && order.toUpperCase() !== 'BIG_ENDIAN') {
      throw new EvaluationError(
        `byte order: '${order}' is none; BIG_ENDIAN or LITTLE_ENDIAN is allowed`,
      )
    }
    if (bytes.length !== size) {
      throw new EvaluationError(`${type}: ${bytes.length} bytes are no ${type}, which has ${size}`)
    }
    return read(new DataView(bytes.buffer, bytes.byteOffset, size), isLittle)
  }
  return [variant(`(BYTES) -> ${type}`, call), variant(`(BYTES, STRING) -> ${type}`, call)]
}

function joinPresent(name: string, texts: readonly Value[], separator: string): string {
  return joinTexts(
    name,
    texts.filter((text) => typeof text === 'string'),
    separator,
  )
}

/** Joins bytes; NULLs are left out. */
function joinBytes(name: string, parts: readonly Value[]): Uint8Array {
  const kept = parts.filter((part) => part instanceof Uint8Array)
  const size = kept.reduce((sum, { length }) => sum + length, 0)
  checkLength(name, size)
  const joined = new Uint8Array(size)
  let offset = 0
  for (const part of kept) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

function padVariants(name: string, isLeft: boolean): FunctionVariant[] {
  const padText = (text: string, length: number, padding: string): string | null => {
    if (length < 0 || padding === '') return null
    checkLength(name, length)
    const cut = text.slice(0, length)
    return isLeft ? cut.padStart(length, padding) : cut.padEnd(length, padding)
  }
  const padBytes = (bytes: Uint8Array, length: number, padding: Uint8Array): Uint8Array | null => {
    if (length < 0 || padding.length === 0) return null
    checkLength(name, length)
    const cut = bytes.slice(0, length)
    const fill = Uint8Array.from(
      { length: length - cut.length },
      (_, index) => padding[index % padding.length] ?? 0,
    )
    return joinBytes(name, isLeft ? [fill, cut] : [cut, fill])
  }
  return [
    variant('(STRING, INTEGER, STRING) -> STRING', padText),
    variant('(BYTES, INTEGER, BYTES) -> BYTES', padBytes),
  ]
}

function splitText(text: string, separator: string): string[] {
  const parts = separator === '' && text !== '' ? [...text] : text.split(separator)
  checkElements('SPLIT', parts.length)
  return separator === '' && text === '' ? [''] : parts
}

function splitBytes(bytes: Uint8Array, separator: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  if (bytes.length === 0) return [bytes]
  let from = 0
  for (let index = 0; index < bytes.length; index++) {
    if (separator.length === 0) {
      parts.push(bytes.slice(index, index + 1))
    } else if (index >= from && separator.every((byte, at) => bytes[index + at] === byte)) {
      parts.push(bytes.slice(from, index))
      from = index + separator.length
    }
    checkElements('SPLIT', parts.length)
  }
  return separator.length === 0 ? parts : [...parts, bytes.slice(from)]
}

function substring<T extends Sliceable>(given: T, position: number, length?: number): T {
  const size = given.length
  const start =
    position < 0 ? Math.max(size + position, 0) : Math.max(Math.min(position - 1, size), 0)
  const end = length === undefined ? size : Math.max(start, Math.min(start + length, size))
  return given.slice(start, end) as T
}
