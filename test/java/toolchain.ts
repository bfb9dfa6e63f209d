/** Provides Java 17, Maven, and the class path of Kafka's own clients, tools and broker. */
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const JAVA_SINCE = 17
const INSTALL = 'apt-get install -y --no-install-recommends openjdk-17-jdk-headless maven'
const HOW_TO = `Java ${JAVA_SINCE} and Maven are needed to run Kafka's own Java code. Install them with:
  apt-get update && ${INSTALL}`

/** Installs missing Java and Maven as root with apt-get. @throws {Error} with instructions to install them. */
export function provideJava(): void {
  if (isInstalled()) return
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) {
    throw new Error(HOW_TO)
  }
  console.log('Java and Maven are missing; installing them once with apt-get')
  const { stdout, stderr } = spawnSync('sh', ['-c', `apt-get update && ${INSTALL}`], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (!isInstalled()) throw new Error(`${stdout}${stderr}\n${HOW_TO}`)
}

/** Returns whether all tools are there; checks Maven's Java too, which may differ from the one on the path. */
function isInstalled(): boolean {
  const { stdout } = spawnSync('mvn', ['-version'], { encoding: 'utf8' })
  const byMaven = Number(/Java version: (\d+)/.exec(stdout ?? '')?.[1])
  const { stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' })
  const byPath = Number(/version "(\d+)/.exec(stderr ?? '')?.[1])
  const hasCompiler = spawnSync('javac', ['-version']).status === 0
  return byMaven >= JAVA_SINCE && byPath >= JAVA_SINCE && hasCompiler
}

/**
 * Runs Maven in a folder, offline if all dependencies are already there.
 *
 * @param goals further goals, such as `compile`
 * @returns the class path of the dependencies
 */
export async function resolveClassPath(
  folder: string,
  goals: readonly string[] = [],
): Promise<string> {
  const all = [...goals, 'dependency:build-classpath', '-Dmdep.outputFile=target/classpath']
  const maven = (...options: string[]) =>
    spawnSync('mvn', ['-B', '-q', ...options, ...all], { cwd: folder, encoding: 'utf8' })
  if (maven('-o').status !== 0) {
    const { status, stdout, stderr } = maven()
    if (status !== 0) throw new Error(`Maven failed:\n${stdout}${stderr}`)
  }
  return (await readFile(join(folder, 'target/classpath'), 'utf8')).trim()
}

/** Returns the class path of Kafka's own clients, tools and broker. */
export function kafkaClassPath(): Promise<string> {
  return resolveClassPath(import.meta.dirname)
}
