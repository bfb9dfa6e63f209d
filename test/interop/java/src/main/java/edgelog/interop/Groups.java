package edgelog.interop;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;

/** Checks that each record is received once while members join and leave. */
final class Groups {
  static final String[] RANGE = classic("RangeAssignor");
  static final String[] COOPERATIVE = classic("CooperativeStickyAssignor");
  static final String[] CONSUMER = {"group.protocol", "consumer"};
  private static final int PARTITIONS = 4;

  private static String[] classic(String assignor) {
    String strategy = "org.apache.kafka.clients.consumer." + assignor;
    return new String[] {
      "group.protocol",
      "classic",
      "partition.assignment.strategy",
      strategy,
      "heartbeat.interval.ms",
      "500",
      "session.timeout.ms",
      "6000"
    };
  }

  static String[] and(String[] settings, String... more) {
    return Stream.concat(Stream.of(settings), Stream.of(more)).toArray(String[]::new);
  }

  static void share(World world, String[] protocol) throws Exception {
    String topic = world.newTopic(PARTITIONS);
    String group = world.name();
    String[] settings = and(protocol, "group.id", group, "client.id", "sharer");
    AtomicBoolean isOver = new AtomicBoolean();
    List<String> sent = new ArrayList<>();
    Thread producer = new Thread(() -> produce(world, topic, isOver, sent));
    Set<Member> members = new HashSet<>();
    try (Member first = member(world, settings, topic)) {
      members.add(first);
      holds(first, PARTITIONS);
      producer.start();
      try (Member second = member(world, settings, topic)) {
        members.add(second);
        both(first, second);
        describe(world, group, protocol == CONSUMER, topic);
      }
      holds(first, PARTITIONS);
      if (protocol != CONSUMER) {
        Member third = member(world, settings, topic);
        members.add(third);
        both(first, third);
        third.vanish();
        holds(first, PARTITIONS);
      }
      isOver.set(true);
      producer.join();
      Check.until(
          "all records are received",
          () -> count(members) >= sent.size(),
          () -> count(members) + " of " + sent.size());
    } finally {
      isOver.set(true);
    }
    List<String> seen = members.stream().flatMap(one -> one.seen.stream()).toList();
    Check.equal(sent.size(), seen.size(), "number of received records");
    Check.equal(Set.copyOf(sent), Set.copyOf(seen), "received records");
    empty(world, group);
  }

  static Member member(World world, String[] settings, String topic) {
    return new Member(
        world, settings, (consumer, listener) -> consumer.subscribe(List.of(topic), listener));
  }

  static void holds(Member member, int count) throws Exception {
    Check.until(
        "a member holds " + count + " partitions",
        () -> member.assigned.size() == count,
        () -> member.assigned + ", " + member.error);
  }

  static void both(Member one, Member other) throws Exception {
    holds(one, PARTITIONS / 2);
    holds(other, PARTITIONS / 2);
    Set<TopicPartition> all = new HashSet<>(one.assigned);
    all.addAll(other.assigned);
    Check.equal(PARTITIONS, all.size(), "partitions that two members hold together");
  }

  private static void produce(World world, String topic, AtomicBoolean isOver, List<String> sent) {
    try (KafkaProducer<String, String> producer = world.producer()) {
      List<Future<RecordMetadata>> answers = new ArrayList<>();
      for (int i = 0; !isOver.get(); i++) {
        sent.add("v" + i);
        answers.add(producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, "v" + i)));
        Thread.sleep(3);
      }
      for (Future<RecordMetadata> one : answers) one.get();
    } catch (Exception error) {
      System.err.println("producing failed: " + error);
    }
  }

  private static int count(Set<Member> members) {
    return members.stream().mapToInt(one -> one.seen.size()).sum();
  }

  private static void describe(World world, String group, boolean isConsumer, String topic)
      throws Exception {
    try (Admin admin = world.admin()) {
      ConsumerGroupDescription so =
          admin.describeConsumerGroups(List.of(group)).all().get().get(group);
      Check.equal(
          isConsumer ? GroupType.CONSUMER : GroupType.CLASSIC, so.type(), "type of the group");
      Check.equal(GroupState.STABLE, so.groupState(), "state of the group");
      Check.equal(2, so.members().size(), "described members");
      Check.that(!so.partitionAssignor().isEmpty(), "an assignor is described");
      Set<TopicPartition> assigned = new HashSet<>();
      so.members()
          .forEach(
              one -> {
                assigned.addAll(one.assignment().topicPartitions());
                Check.equal("sharer", one.clientId(), "client id of a member");
                Check.that(!one.host().isEmpty(), "a member has a host");
              });
      Check.equal(PARTITIONS, assigned.size(), "described assignments of " + topic);
    }
  }

  private static void empty(World world, String group) throws Exception {
    try (Admin admin = world.admin()) {
      Check.until(
          "the group is empty when all have left",
          () -> state(admin, group) == GroupState.EMPTY,
          () -> state(admin, group));
    }
  }

  private static GroupState state(Admin admin, String group) {
    try {
      return admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState();
    } catch (Exception error) {
      throw new IllegalStateException(error);
    }
  }

  /**
   * Subscribes by a pattern that the client or the server (RE2/J) matches; a topic that is created
   * later is found too.
   */
  static void patterns(World world) throws Exception {
    for (boolean isServers : List.of(false, true)) {
      for (String[] protocol : List.of(RANGE, CONSUMER)) {
        if (isServers && protocol == RANGE) continue;
        String prefix = world.name();
        String[] settings =
            and(protocol, "group.id", world.name(), ConsumerConfig.METADATA_MAX_AGE_CONFIG, "300");
        String pattern = prefix + "-(a|b)[0-9]+";
        try (Admin admin = world.admin()) {
          create(admin, prefix + "-a1", prefix + "-b22", prefix + "-c3", prefix + "-a1x");
          try (Member member =
              new Member(
                  world,
                  settings,
                  (consumer, listener) -> {
                    if (isServers) consumer.subscribe(new SubscriptionPattern(pattern), listener);
                    else consumer.subscribe(Pattern.compile(pattern), listener);
                  })) {
            holds(member, 2);
            create(admin, prefix + "-b4");
            holds(member, 3);
          }
        }
      }
    }
  }

  private static void create(Admin admin, String... topics) throws Exception {
    admin
        .createTopics(Stream.of(topics).map(one -> new NewTopic(one, 1, (short) 1)).toList())
        .all()
        .get();
  }

  private Groups() {}
}
