/** Measures the rates of edgelog and of the floor in alternating rounds. */
import { type Call, type HttpLoad, median } from './http-load.ts'

export interface Comparison {
  readonly figure: string
  readonly unit: string
  readonly target: string
  readonly ours: number
  readonly floor: number
  /** Median of the rounds' ratios; `ours` and `floor` are separate medians. */
  readonly ratio: number
}

export interface Case {
  readonly figure: string
  readonly target: string
  readonly count: number
  readonly inFlight: number
  /** 1 to count calls, the size in MB to count bytes. */
  readonly weight: number
  readonly ours: (index: number) => Call
  readonly floor: (index: number) => Call
}

export interface Loads {
  readonly ours: HttpLoad
  readonly floor: HttpLoad
}

export async function compare(
  loads: Loads,
  cases: readonly Case[],
  rounds: number,
): Promise<Comparison[]> {
  const results = cases.map(() => ({ ours: [] as number[], floor: [] as number[] }))
  // After one round to warm up, the two alternate, so a busy moment of the machine affects both.
  for (let round = -1; round < rounds; round++) {
    for (const [index, { count, inFlight, weight, ...calls }] of cases.entries()) {
      for (const side of round % 2 === 0
        ? (['ours', 'floor'] as const)
        : (['floor', 'ours'] as const)) {
        const rate = await loads[side].rate(count, inFlight, calls[side])
        if (round >= 0) results[index]?.[side].push(rate * weight)
      }
    }
  }
  return cases.map(({ figure, target, weight }, index) => {
    const { ours, floor } = results[index] ?? { ours: [], floor: [] }
    return {
      figure,
      target,
      unit: weight === 1 ? 'requests/s' : 'MB/s',
      ours: median(ours),
      floor: median(floor),
      ratio: median(ours.map((value, round) => value / (floor[round] ?? Number.NaN))),
    }
  })
}
