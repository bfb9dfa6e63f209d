package edgelog.interop;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.UnknownMemberIdException;

/** Checks offsets by time, and committed offsets of groups. */
final class Offsets {
  /** Timestamp of the first record; younger than `retention.ms`, so that it is not deleted. */
  private static final long FIRST_MS = System.currentTimeMillis() - 7_200_000;

  /** Produces 100 records, one per second, except number 30, which has the latest timestamp. */
  private static TopicPartition timed(World world) throws Exception {
    TopicPartition partition = new TopicPartition(world.newTopic(1), 0);
    try (KafkaProducer<String, String> producer = world.producer("linger.ms", "20")) {
      for (int i = 0; i < 100; i++) {
        long timestamp = FIRST_MS + 1_000L * (i == 30 ? 5_000 : i);
        producer.send(new ProducerRecord<>(partition.topic(), 0, timestamp, null, "v" + i));
      }
    }
    return partition;
  }

  static void listed(World world) throws Exception {
    TopicPartition partition = timed(world);
    Set<TopicPartition> one = Set.of(partition);
    try (KafkaConsumer<String, String> consumer = world.consumer()) {
      Check.equal(Map.of(partition, 0L), consumer.beginningOffsets(one), "beginning");
      Check.equal(Map.of(partition, 100L), consumer.endOffsets(one), "end");
      timeIs(consumer, partition, FIRST_MS, 0, FIRST_MS);
      timeIs(consumer, partition, FIRST_MS + 9_500, 10, FIRST_MS + 10_000);
      timeIs(consumer, partition, 0, 0, FIRST_MS);
      timeIs(consumer, partition, FIRST_MS + 4_000_000, 30, FIRST_MS + 5_000_000);
      Map<TopicPartition, OffsetAndTimestamp> later =
          consumer.offsetsForTimes(Map.of(partition, FIRST_MS + 6_000_000));
      Check.equal(null, later.get(partition), "the offset of a time after all records");
      consumer.assign(one);
      consumer.seek(partition, 42);
      Check.equal(
          "v42", consumer.poll(World.POLL.multipliedBy(20)).iterator().next().value(), "seek");
      consumer.seekToEnd(one);
      Check.equal(100L, consumer.position(partition), "position at the end");
    }
    try (Admin admin = world.admin()) {
      Check.equal(0L, list(admin, partition, OffsetSpec.earliest()).offset(), "earliest");
      Check.equal(100L, list(admin, partition, OffsetSpec.latest()).offset(), "latest");
      ListOffsetsResultInfo largest = list(admin, partition, OffsetSpec.maxTimestamp());
      Check.equal(30L, largest.offset(), "offset of the largest timestamp");
      Check.equal(FIRST_MS + 5_000_000, largest.timestamp(), "the largest timestamp");
      OffsetSpec time = OffsetSpec.forTimestamp(FIRST_MS + 20_000);
      Check.equal(20L, list(admin, partition, time).offset(), "by time");
      Check.equal(
          0L, list(admin, partition, OffsetSpec.earliestLocal()).offset(), "earliest local");
      Check.equal(-1L, list(admin, partition, OffsetSpec.latestTiered()).offset(), "latest tiered");
    }
  }

  private static void timeIs(
      KafkaConsumer<?, ?> consumer,
      TopicPartition partition,
      long asked,
      long offset,
      long timestamp) {
    OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, asked)).get(partition);
    Check.that(found != null, "no offset for " + asked);
    Check.equal(offset, found.offset(), "offset of " + asked);
    Check.equal(timestamp, found.timestamp(), "timestamp at the offset of " + asked);
  }

  private static ListOffsetsResultInfo list(Admin admin, TopicPartition partition, OffsetSpec spec)
      throws Exception {
    return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get();
  }

  static void committed(World world) throws Exception {
    TopicPartition partition = timed(world);
    Set<TopicPartition> one = Set.of(partition);
    String group = world.name();
    try (Admin admin = world.admin();
        KafkaConsumer<String, String> consumer = world.consumer("group.id", group)) {
      consumer.assign(one);
      Check.equal(
          null, consumer.committed(one).get(partition), "an offset that was never committed");
      consumer.commitSync(Map.of(partition, new OffsetAndMetadata(17, "a note")));
      Check.equal(
          "a note", consumer.committed(one).get(partition).metadata(), "committed metadata");
      Check.equal(
          17L, fetch(admin, group, partition).offset(),
          "the committed offset from the admin client");

      reset(admin, group, partition, 60);
      Check.equal(
          60L, consumer.committed(one).get(partition).offset(),
          "an offset set by the admin client");
      consumer.seek(partition, 0);
      // On a busy machine the first poll may end before any record has arrived.
      Check.until(
          "records to commit",
          () -> consumer.poll(World.POLL).isEmpty() && consumer.position(partition) > 60,
          () -> consumer.position(partition));
      consumer.commitAsync();
      Check.until("a commit", () -> fetch(admin, group, partition).offset() > 60, () -> "none");
    }
    try (Admin admin = world.admin();
        KafkaConsumer<String, String> next = world.consumer("group.id", group)) {
      reset(admin, group, partition, 60);
      next.assign(one);
      String value = next.poll(World.POLL.multipliedBy(20)).iterator().next().value();
      Check.equal("v60", value, "the first value of the next member of the group");
      Check.equal(null, fetchOf(admin, world.name(), partition), "the offset of an unknown group");
      admin.deleteConsumerGroupOffsets(group, one).all().get();
      Check.equal(null, fetchOf(admin, group, partition), "a deleted offset");
      Check.refused(
          GroupIdNotFoundException.class,
          "deleting offsets of an unknown group",
          () -> admin.deleteConsumerGroupOffsets(world.name(), one).all().get());
    }
    whileRead(world, partition);
  }

  /** Checks that the offsets of a subscribed topic cannot be deleted or set from outside. */
  private static void whileRead(World world, TopicPartition partition) throws Exception {
    for (String[] protocol : List.of(Groups.RANGE, Groups.CONSUMER)) {
      String group = world.name();
      String[] settings = Groups.and(protocol, "group.id", group);
      try (Admin admin = world.admin();
          Member member = Groups.member(world, settings, partition.topic())) {
        Groups.holds(member, 1);
        Check.until("the member has read all", () -> member.seen.size() == 100, member.seen::size);
        Check.until(
            "the member has committed", () -> fetchOf(admin, group, partition) != null, () -> "no");
        Check.refused(
            GroupSubscribedToTopicException.class,
            "deleting the offsets of a subscribed topic",
            () -> admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get());
        Check.refused(
            UnknownMemberIdException.class,
            "setting the offsets of an active group",
            () -> {
              reset(admin, group, partition, 1);
              return "done";
            });
      }
    }
  }

  private static void reset(Admin admin, String group, TopicPartition partition, long offset)
      throws InterruptedException, ExecutionException {
    Map<TopicPartition, OffsetAndMetadata> wanted =
        Map.of(partition, new OffsetAndMetadata(offset));
    admin.alterConsumerGroupOffsets(group, wanted).all().get();
  }

  private static OffsetAndMetadata fetch(Admin admin, String group, TopicPartition partition)
      throws Exception {
    OffsetAndMetadata found = fetchOf(admin, group, partition);
    Check.that(found != null, "no committed offset");
    return found;
  }

  private static OffsetAndMetadata fetchOf(Admin admin, String group, TopicPartition partition)
      throws Exception {
    return admin
        .listConsumerGroupOffsets(group)
        .partitionsToOffsetAndMetadata()
        .get()
        .get(partition);
  }

  static void resets(World world) throws Exception {
    TopicPartition partition = timed(world);
    for (String[] protocol : List.of(Groups.RANGE, Groups.CONSUMER)) {
      // Only record 30, with the largest timestamp, is younger than an hour.
      Map<String, Long> firsts =
          Map.of("earliest", 0L, "latest", 100L, "by_duration:PT3H", 0L, "by_duration:PT1H", 30L);
      for (Map.Entry<String, Long> first : firsts.entrySet()) {
        String[] settings = {"group.id", world.name(), "auto.offset.reset", first.getKey()};
        try (KafkaConsumer<String, String> consumer =
            world.consumer(Groups.and(protocol, settings))) {
          consumer.assign(List.of(partition));
          Check.equal(first.getValue(), consumer.position(partition), first.getKey());
        }
      }
      String[] none = {"group.id", world.name(), "auto.offset.reset", "none"};
      try (KafkaConsumer<String, String> consumer = world.consumer(Groups.and(protocol, none))) {
        consumer.assign(List.of(partition));
        Check.refused(
            NoOffsetForPartitionException.class,
            "policy none without a committed offset",
            () -> consumer.poll(World.POLL.multipliedBy(20)));
      }
      String[] latest = {"group.id", world.name(), "auto.offset.reset", "latest"};
      try (KafkaConsumer<String, String> consumer = world.consumer(Groups.and(protocol, latest))) {
        consumer.assign(List.of(partition));
        consumer.seek(partition, 5_000);
        Check.until(
            "an offset beyond the end is reset",
            () -> consumer.poll(World.POLL).isEmpty() && consumer.position(partition) == 100,
            () -> consumer.position(partition));
      }
    }
  }

  private Offsets() {}
}
