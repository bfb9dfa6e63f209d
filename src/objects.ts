/** The Durable Object classes that a Worker exports, whichever doors it mounts. */
export { Application } from '../durable-objects/application/application.ts'
export { Catalog } from '../durable-objects/catalog/catalog.ts'
export { Coordinator } from '../durable-objects/coordinator/coordinator.ts'
export { Group } from '../durable-objects/group/group.ts'
export { Partition } from '../durable-objects/partition/partition.ts'
export { Task } from '../durable-objects/task/task.ts'
export { Transaction } from '../durable-objects/transaction/transaction.ts'
