/**
 * The Durable Object that coordinates transactions: those of one transactional id, or a share of those that are made in
 * one call. A thin shell around both.
 */
import { DurableObject } from 'cloudflare:workers'
import type { Result } from '../../src/core/errors.ts'
import { COORDINATOR_OBJECT_NAME } from '../../src/core/topic/topic.ts'
import type {
  BeginOneShotRequest,
  BegunOneShot,
  DecideOneShotRequest,
  OneShotResult,
} from '../../src/core/transaction/one-shot-api.ts'
import {
  ONE_SHOT_PRODUCER_ID_MIN,
  type ProducerIdAndEpoch,
} from '../../src/core/transaction/participant-api.ts'
import type {
  AddParticipantsRequest,
  EndedTransaction,
  EndRequest,
  InitProducerIdRequest,
  TransactionApi,
  TransactionDescription,
  TransactionFate,
  VerifyRequest,
} from '../../src/core/transaction/transaction-api.ts'
import { ObjectAlarm } from '../object-alarm.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import { IdRegistration, type TransactionList } from './id-registration.ts'
import { OneShots } from './one-shots.ts'
import { type ParticipantNamespace, participantCalls } from './participants.ts'
import { TransactionStore } from './transaction-store.ts'
import { TransactionalId } from './transactional-id.ts'

export interface TransactionEnv {
  readonly PARTITION: ParticipantNamespace
  readonly GROUP: ParticipantNamespace
  readonly COORDINATOR: DurableObjectNamespace<Rpc.DurableObjectBranded & TransactionList>
}

export class Transaction extends DurableObject<TransactionEnv> implements TransactionApi {
  readonly #alarm: ObjectAlarm
  readonly #transactionalId: TransactionalId
  readonly #oneShots: OneShots

  constructor(ctx: DurableObjectState, env: TransactionEnv) {
    super(ctx, env)
    const store = new TransactionStore(ctx.storage)
    const alarm = new ObjectAlarm(ctx.storage)
    const participants = participantCalls(env.PARTITION, env.GROUP)
    const parts = { store, alarm, participants, clock: SYSTEM_CLOCK }
    const coordinator = () => env.COORDINATOR.getByName(COORDINATOR_OBJECT_NAME)
    const registration = new IdRegistration(store, {
      registerTransactionalId: (...entry) => coordinator().registerTransactionalId(...entry),
      forgetTransactionalId: (...entry) => coordinator().forgetTransactionalId(...entry),
    })
    this.#alarm = alarm
    this.#transactionalId = new TransactionalId({ ...parts, registration })
    this.#oneShots = new OneShots(parts)
    void ctx.blockConcurrencyWhile(() => alarm.load())
  }

  // -- a transactional id ------------------------------------------------------------------------

  async initProducerId(request: InitProducerIdRequest): Promise<Result<ProducerIdAndEpoch>> {
    return await this.#transactionalId.initProducerId(request)
  }

  async addParticipants(
    request: AddParticipantsRequest,
  ): Promise<Result<{ readonly number: number }>> {
    return await this.#transactionalId.addParticipants(request)
  }

  async verify(request: VerifyRequest): Promise<Result<{ readonly number: number }>> {
    return await this.#transactionalId.verify(request)
  }

  async end(request: EndRequest): Promise<Result<EndedTransaction>> {
    return await this.#transactionalId.end(request)
  }

  async forceAbort(): Promise<Result<EndedTransaction>> {
    return await this.#transactionalId.forceAbort()
  }

  async describe(): Promise<Result<TransactionDescription>> {
    return this.#transactionalId.describe()
  }

  // -- transactions of single calls --------------------------------------------------------------

  async begin(request: BeginOneShotRequest): Promise<Result<BegunOneShot>> {
    return await this.#oneShots.begin(request)
  }

  async decide(request: DecideOneShotRequest): Promise<Result<OneShotResult>> {
    return await this.#oneShots.decide(request)
  }

  // -- both --------------------------------------------------------------------------------------

  async fateOf(
    producerId: bigint,
    transactionalId: string,
    number: number,
  ): Promise<Result<TransactionFate>> {
    const part = producerId < ONE_SHOT_PRODUCER_ID_MIN ? this.#transactionalId : this.#oneShots
    return { ok: part.fateOf(producerId, transactionalId, number) }
  }

  override async alarm(): Promise<void> {
    this.#alarm.fired()
    await Promise.all([this.#transactionalId.onAlarm(), this.#oneShots.onAlarm()])
  }
}
