/** Words that are no names unless they are quoted, because a statement could not be read otherwise. */
export const RESERVED: ReadonlySet<string> = new Set(
  `ALL AND AS BETWEEN BY CASE CAST CREATE DEFINE DELETE DESCRIBE DISTINCT DROP ELSE EMIT END EXISTS FALSE FROM FULL
  GROUP HAVING HOPPING IN INNER INSERT INTO IS JOIN LEFT LIKE LIMIT NOT NULL ON OR OUTER PARTITION PRINT RIGHT SELECT
  SESSION STREAM TABLE TERMINATE THEN TRUE TUMBLING UNDEFINE UNSET VALUES WHEN WHERE WINDOW WITH WITHIN`
    .trim()
    .split(/\s+/),
)

/** The first words of statements that are no queries. */
export const STATEMENT_WORDS = [
  ...(['CREATE', 'INSERT', 'DROP', 'ALTER', 'SHOW', 'LIST', 'DESCRIBE', 'EXPLAIN'] as const),
  ...(['PRINT', 'TERMINATE', 'PAUSE', 'RESUME', 'SET', 'UNSET', 'DEFINE', 'UNDEFINE'] as const),
  'ASSERT',
] as const

export type StatementWord = (typeof STATEMENT_WORDS)[number]
