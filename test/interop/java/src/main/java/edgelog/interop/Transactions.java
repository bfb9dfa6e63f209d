package edgelog.interop;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TransactionalIdNotFoundException;

/** Transactions over partitions and groups, with Java's protocol (version 2, KIP-890). */
final class Transactions {
  private static final String[] COMMITTED = {"isolation.level", "read_committed"};

  /** Checks that records of several partitions become visible together, or never. */
  static void visible(World world) throws Exception {
    String[] topics = {world.newTopic(1), world.newTopic(1)};
    TopicPartition first = new TopicPartition(topics[0], 0);
    try (KafkaProducer<String, String> producer = transactional(world, world.name());
        Admin admin = world.admin()) {
      for (int i = 0; i < 20; i++) {
        producer.beginTransaction();
        for (String topic : topics) producer.send(new ProducerRecord<>(topic, "k", "v" + i));
        producer.flush();
        // Each earlier transaction has a record and a marker here.
        Check.equal(2L * i, stableEnd(admin, first), "the last stable offset");
        if (i % 2 == 0) producer.commitTransaction();
        else producer.abortTransaction();
      }
    }
    for (String topic : topics) {
      List<String> committed = values(world.readAll(topic, 0, COMMITTED));
      Check.equal(10, committed.size(), "committed records");
      for (int i = 0; i < 10; i++) Check.equal("v" + 2 * i, committed.get(i), "a committed record");
      Check.equal(20, world.readAll(topic, 0).size(), "records with read_uncommitted");
    }
  }

  /** Checks a transaction that is larger than a request, in many batches of many partitions. */
  static void large(World world) throws Exception {
    int partitions = 12;
    String topic = world.newTopic(partitions);
    try (KafkaProducer<String, String> producer =
        transactional(world, world.name(), "compression.type", "lz4")) {
      producer.beginTransaction();
      for (int i = 0; i < 6_000; i++)
        producer.send(new ProducerRecord<>(topic, i % partitions, null, "x".repeat(500) + i));
      for (int i = 0; i < partitions; i++)
        Check.equal(0, world.readAll(topic, i, COMMITTED).size(), "records before the commit");
      producer.commitTransaction();
    }
    for (int i = 0; i < partitions; i++)
      Check.equal(500, world.readAll(topic, i, COMMITTED).size(), "records after the commit");
  }

  /** Checks that each record is copied once while the copies and their offsets are aborted now and then. */
  static void copied(World world, String[] protocol) throws Exception {
    String source = world.newTopic(1);
    String sink = world.newTopic(1);
    String group = world.name();
    try (KafkaProducer<String, String> producer = world.producer()) {
      for (int i = 0; i < 200; i++) producer.send(new ProducerRecord<>(source, "r" + i));
    }
    List<String> settings = new ArrayList<>(List.of("group.id", group, "max.poll.records", "17"));
    settings.addAll(List.of(protocol));
    int aborts = 0;
    int copies = 0;
    try (KafkaProducer<String, String> producer = transactional(world, world.name());
        KafkaConsumer<String, String> consumer = world.consumer(settings.toArray(String[]::new))) {
      consumer.subscribe(List.of(source));
      TopicPartition partition = new TopicPartition(source, 0);
      while (copies < 200) {
        ConsumerRecords<String, String> records = consumer.poll(World.POLL);
        if (records.isEmpty()) continue;
        producer.beginTransaction();
        for (ConsumerRecord<String, String> record : records)
          producer.send(new ProducerRecord<>(sink, record.value()));
        ConsumerGroupMetadata member = consumer.groupMetadata();
        long next = consumer.position(partition);
        producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(next)), member);
        if ((copies + aborts) % 3 == 1) {
          producer.abortTransaction();
          aborts++;
          OffsetAndMetadata committed =
              consumer.committed(Set.of(partition)).get(partition);
          consumer.seek(partition, committed == null ? 0 : committed.offset());
        } else {
          producer.commitTransaction();
          copies += records.count();
        }
      }
      Check.that(aborts > 0, "some copies were aborted");
      Check.equal(200L, consumer.committed(Set.of(partition)).get(partition).offset(), "the committed offset");
    }
    List<String> values = values(world.readAll(sink, 0, COMMITTED));
    Check.equal(200, values.size(), "copies");
    for (int i = 0; i < 200; i++) Check.equal("r" + i, values.get(i), "a copy");
  }

  /** Checks that a later instance, an administrator and the timeout fence a producer. */
  static void fenced(World world) throws Exception {
    String topic = world.newTopic(1);
    String id = world.name();
    KafkaProducer<String, String> old = transactional(world, id);
    old.beginTransaction();
    old.send(new ProducerRecord<>(topic, "old"));
    old.flush();
    try (KafkaProducer<String, String> late = transactional(world, id)) {
      Check.refused(
          KafkaException.class,
          "a commit of a fenced producer",
          () -> {
            old.commitTransaction();
            return "committed";
          });
      late.beginTransaction();
      late.send(new ProducerRecord<>(topic, "late"));
      late.commitTransaction();
      try (Admin admin = world.admin()) {
        admin.fenceProducers(List.of(id)).all().get();
      }
      late.beginTransaction();
      Check.refused(
          KafkaException.class,
          "a record of a producer that an administrator fenced",
          () -> {
            late.send(new ProducerRecord<>(topic, "fenced")).get();
            late.commitTransaction();
            return "committed";
          });
    }
    old.close(Duration.ZERO);
    Check.equal(List.of("late"), values(world.readAll(topic, 0, COMMITTED)), "committed records");

    try (KafkaProducer<String, String> slow =
        transactional(world, world.name(), "transaction.timeout.ms", "1000")) {
      slow.beginTransaction();
      slow.send(new ProducerRecord<>(topic, "slow")).get();
      Check.until(
          "a transaction is aborted at its timeout",
          () -> values(world.readAll(topic, 0, COMMITTED)).size() == 1 && isDecided(world, topic),
          () -> "");
      Check.refused(
          KafkaException.class,
          "a commit after the timeout",
          () -> {
            slow.commitTransaction();
            return "committed";
          });
    }
  }

  private static boolean isDecided(World world, String topic) throws Exception {
    try (Admin admin = world.admin()) {
      TopicPartition partition = new TopicPartition(topic, 0);
      return stableEnd(admin, partition) == end(admin, partition, IsolationLevel.READ_UNCOMMITTED);
    }
  }

  /** Checks what administrators see, and that they can abort. */
  static void described(World world) throws Exception {
    String topic = world.newTopic(1);
    TopicPartition partition = new TopicPartition(topic, 0);
    String id = world.name();
    try (KafkaProducer<String, String> producer = transactional(world, id);
        Admin admin = world.admin()) {
      Check.equal(TransactionState.EMPTY, describe(admin, id).state(), "the state of a new id");
      producer.beginTransaction();
      producer.send(new ProducerRecord<>(topic, "a")).get();
      TransactionDescription open = describe(admin, id);
      Check.equal(TransactionState.ONGOING, open.state(), "the state of an open transaction");
      Check.equal(Set.of(partition), open.topicPartitions(), "its partitions");
      Check.equal(60_000L, open.transactionTimeoutMs(), "its timeout");
      Check.that(open.transactionStartTimeMs().isPresent(), "its start");
      Check.that(
          admin.listTransactions().all().get().stream()
              .anyMatch(one -> one.transactionalId().equals(id) && one.producerId() == open.producerId()),
          "it is listed");
      ProducerState state =
          admin.describeProducers(List.of(partition)).partitionResult(partition).get()
              .activeProducers().get(0);
      Check.equal(open.producerId(), state.producerId(), "the producer of the partition");
      Check.equal(0, state.lastSequence(), "its last sequence");
      Check.equal(0L, state.currentTransactionStartOffset().orElse(-1), "start of its transaction");
      producer.commitTransaction();
      Check.equal(TransactionState.COMPLETE_COMMIT, describe(admin, id).state(), "the state at last");
      Check.refused(
          TransactionalIdNotFoundException.class,
          "an unknown id",
          () -> describe(admin, world.name()));

      producer.beginTransaction();
      producer.send(new ProducerRecord<>(topic, "b")).get();
      ProducerState hanging =
          admin.describeProducers(List.of(partition)).partitionResult(partition).get()
              .activeProducers().get(0);
      admin.abortTransaction(
              new AbortTransactionSpec(
                  partition,
                  hanging.producerId(),
                  (short) hanging.producerEpoch(),
                  hanging.coordinatorEpoch().getAsInt()))
          .all()
          .get();
      Check.equal(List.of("a"), values(world.readAll(topic, 0, COMMITTED)), "after an abort by hand");
    }
  }

  private static KafkaProducer<String, String> transactional(
      World world, String id, String... settings) {
    List<String> all = new ArrayList<>(List.of("transactional.id", id));
    all.addAll(List.of(settings));
    KafkaProducer<String, String> producer = world.producer(all.toArray(String[]::new));
    producer.initTransactions();
    return producer;
  }

  private static TransactionDescription describe(Admin admin, String id) throws Exception {
    return admin.describeTransactions(List.of(id)).description(id).get();
  }

  private static long stableEnd(Admin admin, TopicPartition partition) throws Exception {
    return end(admin, partition, IsolationLevel.READ_COMMITTED);
  }

  private static long end(Admin admin, TopicPartition partition, IsolationLevel isolation)
      throws Exception {
    return admin
        .listOffsets(Map.of(partition, OffsetSpec.latest()), new ListOffsetsOptions(isolation))
        .partitionResult(partition)
        .get()
        .offset();
  }

  private static List<String> values(List<ConsumerRecord<String, String>> records) {
    return records.stream().map(ConsumerRecord::value).toList();
  }

  private Transactions() {}
}
