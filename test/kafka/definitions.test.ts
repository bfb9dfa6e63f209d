import { describe, expect, test } from 'vitest'
import {
  array,
  bool,
  int16,
  int32,
  long,
  messages,
  nullableString,
  string,
} from '../../src/core/kafka/schema.ts'
import { differences, parseDefinition } from './definitions.ts'

/** A fictional API that Kafka does not have. */
const REQUEST = parseDefinition(`{
  // A comment, and another "one".
  "apiKey": 99, "type": "request", "name": "WaveRequest",
  "validVersions": "0-3", "flexibleVersions": "2+", "latestVersionUnstable": true,
  "fields": [
    { "name": "Url", "type": "string", "versions": "0+", "about": "http://example.org" }, // here too
    { "name": "Reason", "type": "string", "versions": "1+", "nullableVersions": "1+",
      "default": "null" },
    { "name": "Epoch", "type": "int64", "versions": "2+", "taggedVersions": "2+", "tag": 0,
      "default": "-1" },
    { "name": "Later", "type": "bool", "versions": "3+" }
  ]
}`)
const RESPONSE = parseDefinition(`{
  "apiKey": 99, "type": "response", "name": "WaveResponse",
  "validVersions": "0-3", "flexibleVersions": "2+",
  "fields": [
    { "name": "Waves", "type": "[]Wave", "versions": "0+" },
    { "name": "Note", "type": "string", "versions": "0+", "nullableVersions": "1+" }
  ],
  "commonStructs": [
    { "name": "Wave", "versions": "0+", "fields": [
      { "name": "Height", "type": "int32", "versions": "0+" },
      { "name": "Length", "type": "int32", "versions": "1+", "default": "-1" }
    ]}
  ]
}`)

const wave = { height: int32, length: int32.in('1+').or(-1) }
const request = {
  url: string,
  reason: nullableString.in('1+').or(null),
  epoch: long.or(-1).tag(0, '2+'),
}
const response = { waves: array(wave), note: string.nullableIn('1+') }
const WAVE = {
  key: 99,
  name: 'Wave',
  versions: [0, 2],
  flexibleSince: 2,
  request,
  response,
} as const

function check(grammar: Parameters<typeof messages>[0]): readonly string[] {
  return differences(messages(grammar), REQUEST, RESPONSE)
}

describe('differences()', () => {
  test('finds none if there are none', () => {
    expect(check(WAVE)).toEqual([])
  })

  test.each([
    ['a key', { ...WAVE, key: 98 }, 'WaveRequest: key is 99'],
    ['a name', { ...WAVE, name: 'Tide' }, 'TideRequest: name is WaveRequest'],
    [
      'a version that Kafka does not declare stable',
      { ...WAVE, versions: [0, 3], request: { ...request, later: bool.in('3+') } },
      'WaveRequest v3: not a version of Kafka',
    ],
    [
      'flexible versions',
      { ...WAVE, flexibleSince: 1 },
      'WaveRequest v1: flexible versions are 2+',
    ],
    [
      'the order of fields',
      { ...WAVE, request: { reason: request.reason, url: string, epoch: request.epoch } },
      'WaveRequest v1: fields are url, reason',
    ],
    [
      'the versions of a field',
      { ...WAVE, request: { ...request, reason: nullableString.in('2+').or(null) } },
      'WaveRequest v1: fields are url, reason, ours url',
    ],
    [
      'a type',
      { ...WAVE, request: { ...request, url: int16 } },
      'WaveRequest v0.url: type is string, ours int16',
    ],
    [
      'null',
      { ...WAVE, response: { ...response, note: nullableString } },
      'WaveResponse v0.note: isNullable is false, ours true',
    ],
    [
      'a tag',
      { ...WAVE, request: { ...request, epoch: long.or(-1).tag(1, '2+') } },
      'WaveRequest v2.epoch: tag is 0, ours 1',
    ],
    [
      'the default of a tag',
      { ...WAVE, request: { ...request, epoch: long.tag(0, '2+') } },
      'WaveRequest v2.epoch: default is -1, ours 0',
    ],
    [
      'a default that the version cannot write',
      { ...WAVE, response: { ...response, note: string.nullableIn('1+').or(null) } },
      'WaveResponse v0.note: default is , ours null',
    ],
    [
      'a field of a struct',
      { ...WAVE, response: { ...response, waves: array({ ...wave, length: int32.in('1+') }) } },
      'WaveResponse v1.waves.length: default is -1, ours 0',
    ],
  ])('reports %s', (_, grammar, line) => {
    expect(check(grammar as Parameters<typeof messages>[0]).join('\n')).toContain(line)
  })
})
