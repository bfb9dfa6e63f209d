/** The schemas that all doors share. */
import { z } from '@hono/zod-openapi'

export const JSON_MEDIA_TYPE = 'application/json'

export const NoParams = z.strictObject({})
export const NoQuery = z.strictObject({})

export const ErrorResponse = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      retryable: z.boolean(),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  })
  .openapi('Error')
