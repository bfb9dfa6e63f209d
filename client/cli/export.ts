/** `edgelog export` and `edgelog import` */
import { open } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Client } from '../index.ts'
import { exportTopics } from './backup/export-topics.ts'
import { importFile } from './backup/import-file.ts'
import { ExportWriter } from './backup/write-export.ts'
import { interruption, withClient } from './connection.ts'
import { EXIT } from './output.ts'
import { type Progress, startProgress } from './progress.ts'

export function addExportCommand(program: Command): void {
  program
    .command('export')
    .argument('[topic]')
    .argument('[file]')
    .usage('[options] <topic> <file>\n       edgelog export --all <file>')
    .description('write a topic, or all topics and the offsets of groups, to a file')
    .option('--all', 'export all topics, and the committed offsets of all groups')
    .addHelpText(
      'after',
      `
For example:
  $ edgelog export orders orders.edgelog
  $ edgelog export --all backup.edgelog
The file has the committed records up to the end that the log has now, with offsets and config. After an
interruption the same command goes on where it stopped. Restore it with edgelog import.`,
    )
    .action(async (first: string | undefined, second: string | undefined, _, command: Command) => {
      const { all = false } = command.opts<{ all?: boolean }>()
      const [topic, file] = all ? [undefined, first] : [first, second]
      const isWrong = file === undefined || (all && second !== undefined)
      if (isWrong) {
        const exitCode = EXIT.usage
        command.error('error: a topic and a file are needed, or --all and a file', { exitCode })
      }
      await withClient(command, (client) => runExport(client, topic, file))
    })
}

export function addImportCommand(program: Command): void {
  program
    .command('import')
    .argument('<file>')
    .description('restore the topics of an export, with their offsets')
    .addHelpText(
      'after',
      `
Makes the topics of the file that do not exist. A partition must be empty, or have only what an earlier
import of the same topic restored. After an interruption the same command goes on where it stopped.`,
    )
    .action(async (file: string, _options: object, command: Command) => {
      await withClient(command, (client) => runImport(client, file))
    })
}

async function runExport(client: Client, topic: string | undefined, path: string): Promise<void> {
  // Reports an unknown topic before there is a file.
  const totalBytes = topic === undefined ? undefined : await sizeOf(client, topic)
  const writer = await ExportWriter.open(path)
  if (writer.state.isComplete) console.error(`${path} is complete already`)
  const progress = startProgress(totalBytes && Math.max(0, totalBytes - writer.sizeBytes), true)
  try {
    await untilInterrupted(progress, (signal, onProgress) =>
      exportTopics(client, writer, topic, { signal, onProgress }),
    )
  } finally {
    await writer.close()
    progress.finish('exported')
  }
}

async function sizeOf(client: Client, topic: string): Promise<number> {
  const { partitionDetails = [] } = await client.admin.describeTopic(topic)
  return partitionDetails.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

async function runImport(client: Client, path: string): Promise<void> {
  const file = await open(path, 'r')
  const { size } = await file.stat()
  const progress = startProgress(size, true)
  try {
    await untilInterrupted(progress, (signal, onProgress) =>
      importFile(client, { file, name: path }, { signal, onProgress }),
    )
  } finally {
    await file.close()
    progress.finish('imported')
  }
}

/** Runs work until it ends, or until Ctrl-C. */
async function untilInterrupted(
  progress: Progress,
  work: (signal: AbortSignal, onProgress: Progress['add']) => Promise<void>,
): Promise<void> {
  const { signal, release } = interruption()
  try {
    await work(signal, progress.add)
  } catch (error) {
    if (!signal.aborted) throw error
    process.exitCode = EXIT.interrupted
  } finally {
    release()
  }
}
