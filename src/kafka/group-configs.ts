/** The configs of groups, in the form of DescribeConfigs. */
import {
  GROUP_CONFIG_KEYS,
  type GroupConfigKey,
  type GroupConfigOverrides,
  isGroupConfigKey,
} from '../core/group/group-config.ts'
import { CONFIG_TYPE, type ConfigEntry, SOURCE } from './config-entries.ts'

/** Returns all configs of a group: those that were set, and the defaults of the others. */
export function groupConfigEntries(overrides: GroupConfigOverrides): ConfigEntry[] {
  return Object.keys(GROUP_CONFIG_KEYS)
    .filter(isGroupConfigKey)
    .map((name) => groupConfigEntry(name, overrides[name]))
}

function groupConfigEntry(name: GroupConfigKey, override: number | undefined): ConfigEntry {
  const { default: fallback, doc } = GROUP_CONFIG_KEYS[name]
  const ofBroker = { name: `group.${name}`, value: String(fallback), source: SOURCE.default }
  const own =
    override === undefined ? [] : [{ name, value: String(override), source: SOURCE.dynamicGroup }]
  return {
    name,
    value: String(override ?? fallback),
    readOnly: false,
    configSource: override === undefined ? SOURCE.default : SOURCE.dynamicGroup,
    isSensitive: false,
    synonyms: [...own, ofBroker],
    configType: CONFIG_TYPE.int,
    documentation: doc,
  }
}
