/** Broken variants of the server, in the parts that make transactions. The checkers must catch each one. */
import type { Edit, Mutant } from '../mutants.ts'

/** Checkpoints after a few appends: a run is too short for the real distance. */
const CHECKPOINT_OFTEN: Edit = {
  file: 'src/core/limits.ts',
  find: 'CHECKPOINT_CHUNKS = 1_000',
  replace: 'CHECKPOINT_CHUNKS = 5',
}

export const TRANSACTION_MUTANTS: readonly Mutant[] = [
  {
    name: 'sends markers before the decision is durable',
    file: 'durable-objects/transaction/transactional-id.ts',
    edits: [
      {
        find: 'this.#parts.store.writeTransaction(record)',
        replace: `if (isPrepared(record)) {
      setTimeout(() => {
        if (this.#record === record) this.#parts.store.writeTransaction(record)
      }, 800)
    } else this.#parts.store.writeTransaction(record)`,
      },
      // A kill must come between two markers.
      {
        file: 'durable-objects/transaction/ending.ts',
        find: 'const result = await within(',
        replace:
          'await new Promise((resolve) => setTimeout(resolve, Math.random() * 800))\n      const result = await within(',
      },
    ],
    breaks: ['T1', 'T5', 'T6', 'T7'],
  },
  {
    name: 'leaves a participant out of the decision',
    file: 'durable-objects/transaction/ending.ts',
    edits: [
      {
        find: '...partitions.map((partition)',
        replace: '...partitions.slice(0, 1).map((partition)',
      },
    ],
    breaks: ['T1', 'T8'],
  },
  {
    name: 'completes a transaction that a participant did not end',
    file: 'durable-objects/transaction/ending.ts',
    edits: [
      {
        find: 'const calls = this.#left',
        replace: 'const calls = this.#left.filter(() => Math.random() < 0.7)',
      },
    ],
    breaks: ['T1', 'T8'],
  },
  {
    name: 'forgets its decisions when it wakes up',
    file: 'durable-objects/transaction/transactional-id.ts',
    edits: [
      {
        find: 'this.#record = parts.store.readTransaction()\n    this.#startEnding()',
        replace: `const read = parts.store.readTransaction()
    this.#record = read && isPrepared(read) ? complete(read, this.#nowMs()) : read`,
      },
      // Without a pause a kill rarely comes between the decision and its markers.
      {
        file: 'durable-objects/transaction/ending.ts',
        find: 'const calls = this.#left',
        replace:
          'await new Promise((resolve) => setTimeout(resolve, 300))\n    const calls = this.#left',
      },
    ],
    breaks: ['T1', 'T8'],
  },
  {
    name: 'lets a repeated end change the outcome',
    file: 'src/core/transaction/end-transaction.ts',
    edits: [
      {
        find: 'if (outcome !== outcomeOf(record)) return refuseState(record, outcome)\n  return isPrepared(record) ? REFUSALS.ending(record) : answer(record)\n}\n\n/** Aborts',
        replace:
          'return isPrepared(record) ? REFUSALS.ending(record) : answer(record)\n}\n\n/** Aborts',
      },
    ],
    breaks: ['T7'],
  },
  {
    name: 'does not fence the producer whose transaction timed out',
    file: 'src/core/transaction/prepare.ts',
    edits: [
      {
        find: "return decided(record, 'abort', record.version, 'fence', context)",
        replace: "return decided(record, 'abort', record.version, undefined, context)",
      },
    ],
    breaks: ['T1', 'T6'],
  },
  {
    name: 'shows committed readers everything',
    file: 'src/core/log/log-ends.ts',
    edits: [
      {
        find: "isolation === 'committed' ? lastStableOffset : highWatermark",
        replace: 'isolation ? highWatermark : 0',
      },
    ],
    breaks: ['T2'],
  },
  {
    name: 'sends tails everything',
    file: 'durable-objects/partition/tails.ts',
    edits: [
      {
        find: 'const { isolation } = position',
        replace: "const isolation = 'uncommitted' as IsolationLevel",
      },
    ],
    breaks: ['T2'],
  },
  {
    name: 'leaves open transactions out of its checkpoints',
    file: 'durable-objects/partition/log-writer.ts',
    edits: [{ find: 'this.transactions.writeOpen()', replace: '' }, CHECKPOINT_OFTEN],
    breaks: ['T2', 'T1'],
  },
  {
    name: 'writes the row of an aborted transaction after its marker',
    file: 'durable-objects/partition/partition-log.ts',
    edits: [
      {
        find: 'transactions.addAborted({ producerId, firstOffset, lastOffset, stableOffset })',
        replace:
          'setTimeout(() => transactions.addAborted({ producerId, firstOffset, lastOffset, stableOffset }), 40)',
      },
    ],
    breaks: ['T2'],
  },
  {
    name: 'forgets aborted transactions by age',
    file: 'durable-objects/partition/transaction-table.ts',
    edits: [
      {
        find: 'this.#lastAbortedOffset = lastOffset\n  }',
        replace:
          'this.#lastAbortedOffset = lastOffset\n    this.forgetAbortedBelow(lastOffset - 20)\n  }',
      },
    ],
    breaks: ['T1', 'T2'],
  },
  {
    name: "lists no aborted transaction to Kafka's clients",
    file: 'durable-objects/partition/read-slice.ts',
    edits: [
      {
        find: 'return { ...slice, readBytes, aborted }',
        replace: 'return { ...slice, readBytes, aborted: [] }',
      },
    ],
    breaks: ['T9'],
  },
  {
    name: 'applies the offsets of a transaction at once',
    file: 'durable-objects/group/group-offsets.ts',
    edits: [
      {
        find: 'this.#pending.add(offsets, nowMs)',
        replace:
          'this.#pending.add(offsets, nowMs)\n    for (const offset of offsets.offsets) this.#committed.write(offset, nowMs)',
      },
    ],
    breaks: ['T5'],
  },
  {
    name: 'forgets the id of a transaction of one call',
    file: 'durable-objects/transaction/one-shots.ts',
    edits: [
      {
        find: 'const known = this.#find(request.id)\n    const nowMs',
        replace: 'const known = this.#open.get(request.id)?.record\n    const nowMs',
      },
      {
        file: 'durable-objects/transaction/transaction-store.ts',
        find: 'DO UPDATE SET value = excluded.value`,\n      record.id',
        replace:
          'DO UPDATE SET value = excluded.value, created_at_ms = excluded.created_at_ms`,\n      record.id',
      },
    ],
    breaks: ['T10', 'T3'],
  },
]
