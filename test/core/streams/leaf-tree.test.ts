import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryLeaves } from '../../../src/core/streams/stores/leaf-source.ts'
import { LeafTree, type StateChange } from '../../../src/core/streams/stores/leaf-tree.ts'
import { runs, SEEDED } from '../../support/seed.ts'

const TEXT = {
  encode: (value: string) => new TextEncoder().encode(value),
  decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
}

type Action =
  | {
      readonly kind: 'put'
      readonly segment: number
      readonly key: string
      readonly length: number
    }
  | { readonly kind: 'delete'; readonly segment: number; readonly key: string }
  | { readonly kind: 'drop'; readonly segment: number }
  | { readonly kind: 'commit' | 'rollBack' | 'checkpoint' | 'evict' | 'restart' }

const key = fc.oneof(
  fc.integer({ min: 0, max: 2_000 }).map((number) => `key-${number}`),
  fc.string({ unit: 'binary-ascii', maxLength: 3 }),
)
const segment = fc.integer({ min: 0, max: 3 })
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      ...{ segment, key, length: fc.integer({ min: 0, max: 3_000 }) },
    }),
  },
  { weight: 15, arbitrary: fc.record({ kind: fc.constant('delete' as const), segment, key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), segment }) },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom('commit', 'rollBack', 'checkpoint', 'evict', 'restart'),
    }),
  },
)

/** A tree beside a plain map, and what a shell would have stored. */
class Pair {
  readonly leaves = new MemoryLeaves()
  tree = this.#open()
  model = new Map<string, string>()
  #committed = new Map<string, string>()
  #dropped = 0
  #committedDrop = 0
  #changes: StateChange[] = []
  #drop: number | undefined

  #open() {
    return new LeafTree('store', TEXT, this.leaves)
  }

  run(one: Action): void {
    if (one.kind === 'put') {
      const value = 'v'.repeat(one.length)
      this.tree.put(one.segment, one.key, value)
      if (one.segment >= this.#dropped) this.model.set(`${one.segment}:${one.key}`, value)
    } else if (one.kind === 'delete') {
      this.tree.delete(one.segment, one.key)
      this.model.delete(`${one.segment}:${one.key}`)
    } else if (one.kind === 'drop') {
      this.tree.dropBelow(one.segment)
      this.#dropped = Math.max(this.#dropped, one.segment)
      for (const name of this.model.keys()) {
        if (Number(name.split(':', 1)[0]) < this.#dropped) this.model.delete(name)
      }
    } else if (one.kind === 'commit') this.#commit()
    else if (one.kind === 'rollBack') {
      this.tree.rollBack()
      this.model = new Map(this.#committed)
      this.#dropped = this.#committedDrop
    } else if (one.kind === 'checkpoint') {
      this.#commit()
      this.leaves.write(this.tree.checkpoint())
      this.#changes = []
      this.#drop = undefined
    } else if (one.kind === 'evict') {
      this.run({ kind: 'checkpoint' })
      this.tree.evict(10_000)
    } else {
      this.tree = this.#open()
      for (const change of this.#changes) this.tree.apply(change)
      this.tree.applyDrop(this.#committedDrop)
      this.model = new Map(this.#committed)
      this.#dropped = this.#committedDrop
    }
  }

  #commit(): void {
    this.tree.prepare(Number.POSITIVE_INFINITY)
    const { changes, droppedBelow } = this.tree.commit()
    this.#changes.push(...changes)
    this.#drop = droppedBelow ?? this.#drop
    this.#committed = new Map(this.model)
    this.#committedDrop = this.#dropped
  }

  entries(): string[] {
    return this.tree
      .segments()
      .flatMap((one) => [...this.tree.range(one, '', null)].map(([name]) => `${one}:${name}`))
  }
}

describe('a store of leaves', () => {
  it('equals a map, whatever is changed, undone, stored, evicted and restarted', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 400, size: 'max' }), (actions) => {
        const pair = new Pair()
        for (const one of actions) {
          pair.run(one)
          if (one.kind === 'put' && one.segment < 4) {
            const wanted = pair.model.get(`${one.segment}:${one.key}`)
            expect(pair.tree.get(one.segment, one.key)).toBe(wanted)
          }
        }
        expect(pair.entries().sort()).toEqual([...pair.model.keys()].sort())
        pair.run({ kind: 'checkpoint' })
        pair.run({ kind: 'restart' })
        expect(pair.entries().sort()).toEqual([...pair.model.keys()].sort())
        for (const [name, value] of pair.model) {
          const at = name.indexOf(':')
          expect(pair.tree.get(Number(name.slice(0, at)), name.slice(at + 1))).toBe(value)
        }
      }),
      { ...SEEDED, numRuns: runs(150) },
    )
  })

  it('iterates a range in the order of the bytes', () => {
    const pair = new Pair()
    const names = Array.from({ length: 5_000 }, (_, index) => `k${index}`)
    for (const [index, name] of names.entries()) {
      pair.run({ kind: 'put', segment: 0, key: name, length: index % 50 })
      if (index % 700 === 0) pair.run({ kind: 'evict' })
    }
    const sorted = names.toSorted()
    const wanted = sorted.slice(sorted.indexOf('k100'), sorted.indexOf('k2'))
    expect([...pair.tree.range(0, 'k100', 'k2')].map(([name]) => name)).toEqual(wanted)
  })

  it('applies the changes of turns to leaves that were read before, and to others', () => {
    const step = fc.record({ segment, key, value: fc.option(fc.string()), isRead: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const written = new LeafTree('store', TEXT, new MemoryLeaves())
        const replica = new LeafTree('store', TEXT, new MemoryLeaves())
        for (const { segment: at, key: name, value, isRead } of steps) {
          if (value === null) written.delete(at, name)
          else written.put(at, name, value)
          written.prepare(1_000_000)
          for (const change of written.commit().changes) replica.apply(change)
          if (isRead) expect(replica.get(at, name)).toBe(value ?? undefined)
        }
        for (let at = 0; at < 4; at++) {
          expect([...replica.range(at, '', null)]).toEqual([...written.range(at, '', null)])
        }
      }),
      { ...SEEDED, numRuns: runs(100) },
    )
  })
})
