/** The routes of the lives of applications. */
import { readJson } from '../app/body.ts'
import { type AppContext, brokerOf } from '../app/env.ts'
import { errorResponses, jsonResponses } from '../app/responses.ts'
import { type App, addRoute, parseWith } from '../app/route.ts'
import { JSON_MEDIA_TYPE, NoParams, NoQuery } from '../app/schemas.ts'
import { EdgelogError } from '../core/errors.ts'
import { ADMIN_BODY_BYTES_MAX } from '../core/limits.ts'
import type { Topology } from '../core/streams/topology.ts'
import {
  ApplicationParams,
  ApplicationsResponse,
  DeployBody,
  DescriptionResponse,
  ResetBody,
  SummaryResponse,
} from './schemas.ts'

const PATH = '/v1/streams'
const ONE = `${PATH}/{application}`

export function addApplicationRoutes(app: App, topologies: readonly Topology[]): void {
  addReads(app)
  addRoute(
    app,
    {
      method: 'put',
      path: ONE,
      summary: 'Deploy the topology that this Worker has under the name',
      body: { content: { [JSON_MEDIA_TYPE]: { schema: DeployBody } } },
      responses: jsonResponses(200, SummaryResponse, 'Deployed'),
    },
    { params: ApplicationParams, query: NoQuery },
    async (c, { params: { application } }) => {
      const { from } = parseWith(DeployBody, await bodyOf(c))
      const topology = topologies.find(({ name }) => name === application)
      if (topology === undefined) throw unknownTopology(application, topologies)
      return c.json(await brokerOf(c).applications.deploy(topology, from))
    },
  )
  for (const change of ['pause', 'resume'] as const) {
    addRoute(
      app,
      {
        method: 'post',
        path: `${ONE}/${change}`,
        summary:
          change === 'pause'
            ? 'Pause an application'
            : 'Resume an application, and run tasks again that stopped at an error',
        responses: jsonResponses(200, SummaryResponse, 'Changed'),
      },
      { params: ApplicationParams, query: NoQuery },
      async (c, { params: { application } }) =>
        c.json(await brokerOf(c).applications.change(application, change)),
    )
  }
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE}/reset`,
      summary: 'Delete the state of an application and begin anew',
      body: { content: { [JSON_MEDIA_TYPE]: { schema: ResetBody } } },
      responses: jsonResponses(200, SummaryResponse, 'Reset'),
    },
    { params: ApplicationParams, query: NoQuery },
    async (c, { params: { application } }) => {
      const { from } = parseWith(ResetBody, await bodyOf(c))
      return c.json(await brokerOf(c).applications.change(application, { resetTo: from }))
    },
  )
  addRoute(
    app,
    {
      method: 'delete',
      path: ONE,
      summary: 'Delete an application with its state and its internal topics',
      responses: { 204: { description: 'Deleted' }, ...errorResponses() },
    },
    { params: ApplicationParams, query: NoQuery },
    async (c, { params: { application } }) => {
      await brokerOf(c).applications.remove(application)
      return c.body(null, 204)
    },
  )
}

function addReads(app: App): void {
  addRoute(
    app,
    {
      method: 'get',
      path: PATH,
      summary: 'List the applications of stream processing',
      responses: jsonResponses(200, ApplicationsResponse, 'The applications'),
    },
    { params: NoParams, query: NoQuery },
    async (c) => {
      const { applications } = brokerOf(c)
      const names = await applications.list()
      const all = await Promise.all(names.map((name) => applications.summarize(name)))
      return c.json({ applications: all })
    },
  )
  addRoute(
    app,
    {
      method: 'get',
      path: ONE,
      summary: 'Describe an application, its tasks and their lag',
      responses: jsonResponses(200, DescriptionResponse, 'The application'),
    },
    { params: ApplicationParams, query: NoQuery },
    async (c, { params: { application } }) =>
      c.json(await brokerOf(c).applications.describe(application)),
  )
}

/** Returns the body, or an empty object for none. */
async function bodyOf(c: AppContext): Promise<unknown> {
  if (c.req.header('content-length') === '0' || c.req.raw.body === null) return {}
  return await readJson(c, ADMIN_BODY_BYTES_MAX)
}

function unknownTopology(name: string, topologies: readonly Topology[]): EdgelogError {
  const names = topologies.map((topology) => topology.name).join(', ')
  const known = names === '' ? 'it has none' : `it has ${names}`
  return new EdgelogError(
    'not_found',
    `application ${name}: this Worker has no such topology; ${known}`,
  )
}
