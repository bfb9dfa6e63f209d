/** Encodes symbols from the last to the first with finite state entropy, the inverse of `zstd-fse.ts`. */
import type { BitWriter } from './zstd-bit-writer.ts'
import type { FseTable } from './zstd-fse.ts'

/** The inverse of an `FseTable`. */
export interface FseEncodeTable {
  readonly accuracyLog: number
  /** Number of states of each symbol. */
  readonly counts: Uint16Array
  /** Where the states of each symbol begin in `states`. */
  readonly starts: Uint16Array
  readonly states: Uint16Array
}

export function invertFseTable(table: FseTable): FseEncodeTable {
  const { accuracyLog, symbols } = table
  const counts = new Uint16Array(256)
  for (const symbol of symbols) counts[symbol] = (counts[symbol] as number) + 1
  const starts = new Uint16Array(256)
  for (let symbol = 1; symbol < 256; symbol++) {
    starts[symbol] = (starts[symbol - 1] as number) + (counts[symbol - 1] as number)
  }
  const states = new Uint16Array(symbols.length)
  const ends = starts.slice()
  for (const [state, symbol] of symbols.entries()) {
    const end = ends[symbol] as number
    states[end] = state
    ends[symbol] = end + 1
  }
  return { accuracyLog, counts, starts, states }
}

/** Encodes symbols into the bits that lead a decoder from one state to the next. */
export class FseEncoder {
  readonly #table: FseEncodeTable
  /** The state of the symbol encoded before; `null`: none yet. */
  #state: number | null = null

  constructor(table: FseEncodeTable) {
    this.#table = table
  }

  /** Writes the bits that lead from `symbol` to the symbol encoded before; nothing for the first one. */
  encode(symbol: number, output: BitWriter): void {
    const { accuracyLog, counts, starts, states } = this.#table
    const start = starts[symbol] as number
    if (this.#state === null) {
      // The first state of a symbol needs bits to be left, unless the table has no other symbol.
      this.#state = states[start] as number
      return
    }
    const target = this.#state + (1 << accuracyLog)
    const count = counts[symbol] as number
    // The rest above the written bits lies from `count` to `2 * count - 1`: the number of the state for this symbol.
    let bits = Math.clz32(count) - Math.clz32(target)
    if (target >>> bits < count) bits -= 1
    output.write(target & ((1 << bits) - 1), bits)
    this.#state = states[start + (target >>> bits) - count] as number
  }

  /** Writes the state that the decoder begins with. */
  end(output: BitWriter): void {
    output.write(this.#state ?? 0, this.#table.accuracyLog)
  }
}

/** Returns how many of `2 ** accuracyLog` states each symbol gets; a symbol that occurs gets one at least. */
export function shareStates(counts: Uint32Array, accuracyLog: number): number[] {
  const size = 1 << accuracyLog
  let total = 0
  for (const count of counts) total += count
  const shares = Array.from(counts, (count) =>
    count === 0 ? 0 : Math.max(1, Math.floor((count * size) / total)),
  )
  let rest = size - shares.reduce((sum, share) => sum + share, 0)
  while (rest !== 0) {
    const largest = shares.indexOf(Math.max(...shares))
    // Gives all that is left to the most frequent symbol, but takes one by one.
    const change = rest > 0 ? rest : -1
    shares[largest] = (shares[largest] as number) + change
    rest -= change
  }
  return shares
}

/** Writes shares in the form that `readFseTable` reads. */
export function writeShares(
  shares: readonly number[],
  accuracyLog: number,
  output: BitWriter,
): void {
  output.write(accuracyLog - 5, 4)
  let remaining = 1 << accuracyLog
  for (let symbol = 0; remaining > 0; ) {
    const share = shares[symbol++] as number
    writeShare(share, remaining, output)
    remaining -= share
    if (share !== 0) continue
    let zeros = 0
    while (shares[symbol + zeros] === 0) zeros++
    symbol += zeros
    for (; zeros >= 3; zeros -= 3) output.write(3, 2)
    output.write(zeros, 2)
  }
}

function writeShare(share: number, remaining: number, output: BitWriter): void {
  const count = 32 - Math.clz32(remaining + 1)
  const half = 1 << (count - 1)
  const threshold = (1 << count) - 2 - remaining
  const value = share + 1
  if (value < threshold) output.write(value, count - 1)
  else output.write(value < half ? value : value + threshold, count)
}
