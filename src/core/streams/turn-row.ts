/**
 * The stored form of a turn. A task that wakes needs the last one, and the changes of all since the last checkpoint.
 *
 *   version        int8  1
 *   header         JSON  positions, cells, producers, counters: the whole state of the task but its stores
 *   changes        count, then for each: store, segment, key, value
 *   drops          count, then for each: store, segment
 *   batches        count, then for each: topic, partition, bytes
 *
 * Texts and bytes have their length before them; counts and lengths are unsigned varints.
 */
import type { BatchCheck } from '../batch/batch-check.ts'
import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import { utf8Length } from '../bytes/utf8-length.ts'
import { keyOfBytes } from './stores/leaf.ts'
import type { StateChange } from './stores/leaf-tree.ts'
import type { StateChanges } from './stores/task-stores.ts'

const TURN_VERSION = 1

/** The state of a task but its stores. Numbers and texts only. */
export interface TaskHeader {
  readonly turn: number
  /** The leaves have the changes of all turns up to this one. */
  readonly checkpointTurn: number
  /** The batches of all turns up to this one are in their logs. */
  readonly acknowledgedTurn: number
  /** The offset to read next, by the name of the input. */
  readonly positions: Readonly<Record<string, number>>
  readonly cells: Readonly<Record<string, number>>
  /** By the name of the output partition. */
  readonly producers: Readonly<Record<string, OutgoingProducer>>
  /** Since the application began: records that were dropped, by node and reason. */
  readonly dropped: Readonly<Record<string, number>>
  /** Records that were processed since the application began. */
  readonly recordsCount: number
  /** When the next punctuation by the clock is due. */
  readonly nextPunctuationMs?: number
  readonly lastError?: ShownError
}

/** The producer of a task on one output partition. */
export interface OutgoingProducer {
  readonly epoch: number
  readonly nextSequence: number
  /** When the log acknowledged a batch last. */
  readonly lastAckMs: number
}

/** An error that the application's description shows. */
export interface ShownError {
  readonly node: string
  readonly message: string
  /** The record, as `topic/partition/offset`. */
  readonly record?: string
  readonly atMs: number
}

/** Batches for one partition of a topic, stamped with their sequences. */
export interface OutgoingBatches {
  readonly topic: string
  readonly partition: number
  readonly batches: Uint8Array
  /** The check of each batch; not stored. */
  readonly checks?: readonly BatchCheck[]
}

export interface StoredTurn {
  readonly header: TaskHeader
  readonly state: StateChanges
  readonly outgoing: readonly OutgoingBatches[]
}

export function encodeTurn({ header, state, outgoing }: StoredTurn): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(4096)
  writer.int8(TURN_VERSION)
  writeText(writer, JSON.stringify(header))
  writer.unsignedVarint(state.changes.length)
  for (const { store, segment, key, bytes } of state.changes) {
    writeText(writer, store)
    writer.varlong(segment)
    writer.unsignedVarint(key.length)
    writer.latin1(key)
    writer.unsignedVarint(bytes === null ? 0 : bytes.length + 1)
    if (bytes !== null) writer.bytes(bytes)
  }
  writer.unsignedVarint(state.drops.length)
  for (const { store, belowSegment } of state.drops) {
    writeText(writer, store)
    writer.varlong(belowSegment)
  }
  writer.unsignedVarint(outgoing.length)
  for (const { topic, partition, batches } of outgoing) {
    writeText(writer, topic)
    writer.unsignedVarint(partition)
    writeBytes(writer, batches)
  }
  return writer.toBytes()
}

/** @throws {DecodeError} for a turn of a later release, and for damaged bytes. */
export function decodeTurn(bytes: Uint8Array): StoredTurn {
  const reader = new ByteReader(bytes)
  const version = reader.int8()
  if (version !== TURN_VERSION) {
    throw new DecodeError(0, `a turn of version ${version}; this release has ${TURN_VERSION}`)
  }
  const header = JSON.parse(readText(reader)) as TaskHeader
  const changes = list(reader, (): StateChange => {
    const store = readText(reader)
    const segment = reader.varlong()
    const key = keyOfBytes(readBytes(reader))
    const length = reader.unsignedVarint()
    return { store, segment, key, bytes: length === 0 ? null : reader.bytes(length - 1) }
  })
  const drops = list(reader, () => ({ store: readText(reader), belowSegment: reader.varlong() }))
  const outgoing = list(reader, () => ({
    topic: readText(reader),
    partition: reader.unsignedVarint(),
    batches: readBytes(reader),
  }))
  return { header, state: { changes, drops }, outgoing }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function writeText(writer: ByteWriter, text: string): void {
  writer.unsignedVarint(utf8Length(text))
  writer.utf8(text)
}

function writeBytes(writer: ByteWriter, bytes: Uint8Array): void {
  writer.unsignedVarint(bytes.length)
  writer.bytes(bytes)
}

function readText(reader: ByteReader): string {
  return decoder.decode(readBytes(reader))
}

function readBytes(reader: ByteReader): Uint8Array {
  return reader.bytes(reader.unsignedVarint())
}

function list<T>(reader: ByteReader, read: () => T): T[] {
  const count = reader.unsignedVarint()
  const all: T[] = []
  for (let index = 0; index < count; index++) all.push(read())
  return all
}
