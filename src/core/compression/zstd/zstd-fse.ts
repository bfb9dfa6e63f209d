/**
 * Finite state entropy (RFC 8878, section 4.1): each state has a symbol, and some
 * input bits lead from it to the next state.
 */
import { corrupt } from '../compression-error.ts'
import type { BackwardBits, ForwardBits } from './zstd-bits.ts'

export interface FseTable {
  readonly accuracyLog: number
  readonly symbols: Uint8Array
  readonly bits: Uint8Array
  /** The next state, before the input bits are added. */
  readonly bases: Uint16Array
}

/**
 * Reads the probabilities of the symbols and builds the table from them.
 *
 * @throws {EdgelogError} `corrupt_message`
 */
export function readFseTable(
  input: ForwardBits,
  accuracyLogMax: number,
  symbolMax: number,
): FseTable {
  const accuracyLog = input.read(4) + 5
  if (accuracyLog > accuracyLogMax) throw corrupt('zstd', `an accuracy of ${accuracyLog} bits`)
  const probabilities: number[] = []
  let remaining = 1 << accuracyLog
  while (remaining > 0 && probabilities.length <= symbolMax) {
    const probability = readProbability(input, remaining)
    remaining -= Math.abs(probability)
    probabilities.push(probability)
    if (probability !== 0) continue
    let zeros: number
    do {
      zeros = input.read(2)
      for (let count = 0; count < zeros; count++) probabilities.push(0)
    } while (zeros === 3 && probabilities.length <= symbolMax)
  }
  if (remaining !== 0 || probabilities.length > symbolMax + 1) {
    throw corrupt('zstd', 'probabilities that do not add up')
  }
  return buildFseTable(probabilities, accuracyLog)
}

/** Reads one probability with as many bits as the rest needs; small values take one bit less. -1: below one. */
function readProbability(input: ForwardBits, remaining: number): number {
  const count = 32 - Math.clz32(remaining + 1)
  const value = input.peek(count)
  const half = 1 << (count - 1)
  const threshold = (1 << count) - 2 - remaining
  const low = value & (half - 1)
  if (low < threshold) {
    input.skip(count - 1)
    return low - 1
  }
  input.skip(count)
  return (value >= half ? value - threshold : value) - 1
}

/** Builds a table. The absolute probabilities must add up to the number of states, two to the power of the accuracy. */
export function buildFseTable(probabilities: readonly number[], accuracyLog: number): FseTable {
  const size = 1 << accuracyLog
  const symbols = new Uint8Array(size)
  const nextStates = new Uint16Array(probabilities.length)
  let high = size
  for (const [symbol, probability] of probabilities.entries()) {
    nextStates[symbol] = Math.abs(probability)
    if (probability === -1) symbols[--high] = symbol
  }
  const step = (size >>> 1) + (size >>> 3) + 3
  let position = 0
  for (const [symbol, probability] of probabilities.entries()) {
    for (let count = 0; count < probability; count++) {
      symbols[position] = symbol
      // Terminates: the step visits every state, and as many states below `high` are free as have to be filled.
      do position = (position + step) & (size - 1)
      while (position >= high)
    }
  }
  const bits = new Uint8Array(size)
  const bases = new Uint16Array(size)
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] as number
    const next = nextStates[symbol] as number
    nextStates[symbol] = next + 1
    const count = accuracyLog - (31 - Math.clz32(next))
    bits[state] = count
    bases[state] = (next << count) - size
  }
  return { accuracyLog, symbols, bits, bases }
}

/** Returns the table of a constant symbol. */
export function repeatedFseTable(symbol: number): FseTable {
  return {
    accuracyLog: 0,
    symbols: new Uint8Array([symbol]),
    bits: new Uint8Array(1),
    bases: new Uint16Array(1),
  }
}

export function nextFseState(table: FseTable, state: number, input: BackwardBits): number {
  return (table.bases[state] as number) + input.read(table.bits[state] as number)
}
