/** `edgelog tier ...` */
import type { Command } from 'commander'
import { type Client, EdgelogError } from '../index.ts'
import { withClient } from './connection.ts'
import { count, formatTable } from './table.ts'

export function addTierCommand(program: Command): void {
  const tier = program.command('tier').description('check and rebuild what a topic has in R2')
  addVerify(tier)
  addRebuild(tier)
}

function addVerify(tier: Command): void {
  tier
    .command('verify')
    .argument('<topic>')
    .description('compare the objects in R2 with what the partitions know of them')
    .option('--data', 'read all records too, and not only the description of each object')
    .option('--json', 'print one JSON object per partition')
    .action(
      async (topic: string, options: { data?: boolean; json?: boolean }, command: Command) => {
        const { data = false, json } = options
        await withClient(command, async (client) => {
          const results = await eachPartition(client, topic, (partition) =>
            client.admin.verifyTier(topic, partition, { data }),
          )
          if (json) for (const one of results) console.log(JSON.stringify(one))
          else {
            const rows = results.map(({ partition, objects, bytes, damaged, orphans }) => {
              return [partition, objects, bytes, damaged.length, orphans.length] as const
            })
            console.log(formatTable(['PARTITION', 'OBJECTS', 'BYTES', 'DAMAGED', 'ORPHANS'], rows))
            for (const { damaged, orphans } of results) {
              for (const { reason } of damaged) console.log(reason)
              for (const key of orphans) console.log(`object ${key}: no partition knows it`)
            }
          }
          const faults = results.reduce(
            (sum, { damaged, orphans }) => sum + damaged.length + orphans.length,
            0,
          )
          if (faults > 0) {
            throw new EdgelogError(
              'remote_storage_damaged',
              `${count(faults, 'object')} with a fault`,
            )
          }
        })
      },
    )
}

function addRebuild(tier: Command): void {
  tier
    .command('rebuild')
    .argument('<topic>')
    .description('add the objects in R2 to partitions that have lost their records of them')
    .option('--json', 'print one JSON object per partition')
    .action(async (topic: string, { json }: { json?: boolean }, command: Command) => {
      await withClient(command, async (client) => {
        const results = await eachPartition(client, topic, (partition) =>
          client.admin.rebuildTier(topic, partition),
        )
        if (json) for (const one of results) console.log(JSON.stringify(one))
        else {
          const rows = results.map((one) => {
            const { partition, adopted, logStartOffset, highWatermark, damaged, holes } = one
            const faults = [damaged.length, holes.length] as const
            return [partition, adopted, logStartOffset, highWatermark, ...faults] as const
          })
          const columns = ['ADDED', 'LOG START', 'HIGH WATERMARK', 'DAMAGED', 'HOLES']
          console.log(formatTable(['PARTITION', ...columns], rows))
          for (const { partition, damaged, holes } of results) {
            for (const { reason } of damaged) console.log(reason)
            for (const { from, to } of holes) {
              console.log(
                `partition ${partition}: no object has the offsets from ${from} up to ${to}`,
              )
            }
          }
        }
      })
    })
}

/** Calls one partition after the other. */
async function eachPartition<T extends object>(
  { admin }: Client,
  topic: string,
  call: (partition: number) => Promise<T>,
): Promise<Array<T & { readonly partition: number }>> {
  const { partitions } = await admin.describeTopic(topic, { partitionDetails: false })
  const results: Array<T & { readonly partition: number }> = []
  for (let partition = 0; partition < partitions; partition++) {
    results.push({ partition, ...(await call(partition)) })
  }
  return results
}
