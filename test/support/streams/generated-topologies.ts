/** Generated topologies whose results do not depend on where they run. Bundled for the Worker and for the page too. */

import { splitTopology } from '../../../src/core/streams/split.ts'
import type { Topology } from '../../../src/core/streams/topology.ts'
import { buildTopology } from './build.ts'
import type { Case } from './case.ts'
import { generateCase, OPERATORS } from './generate.ts'
import { Random } from './random.ts'

/** Cases that are tried for each operator. */
const TRIES_MAX = 200

/**
 * Returns one case for each operator that has one: each of its tasks reads one topic, as the order between two depends
 * on when their records come, and no record depends on the clock.
 */
export function generatedCases(seed: number): Case[] {
  return OPERATORS.flatMap((operator, index) => {
    for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
      const spec = generateCase(new Random(seed + index * TRIES_MAX + attempt), operator)
      const hasClock = spec.steps.some(({ punctuation }) => punctuation === 'wall-clock')
      if (!hasClock && readsOneTopicEach(spec)) return [spec]
    }
    return []
  })
}

function readsOneTopicEach(spec: Case): boolean {
  return splitTopology(buildTopology(spec)).every(
    ({ reads: [first, ...others] }) =>
      others.length === 0 && (first?.kind !== 'source' || first.topics.length === 1),
  )
}

/** Returns the topologies of all cases for one place to run; their sinks are its own, and their sources shared. */
export function topologiesFor(place: string, seed: number): Topology[] {
  return generatedCases(seed).map((spec, index) => {
    const { nodes, ...rest } = buildTopology(spec)
    return {
      ...rest,
      name: `${place}-${index}`,
      coalesces: false,
      nodes: nodes.map((node) => {
        if (node.kind === 'sink') return { ...node, topic: sinkName(place, index, node.topic) }
        if (node.kind !== 'source') return node
        return { ...node, topics: node.topics.map((topic) => sourceName(index, topic)) }
      }),
    }
  })
}

export function sourceName(index: number, topic: string): string {
  return `case-${index}-${topic}`
}

export function sinkName(place: string, index: number, topic: string): string {
  return `${place}-${index}-${topic}`
}
