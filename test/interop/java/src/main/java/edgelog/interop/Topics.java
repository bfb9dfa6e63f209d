package edgelog.interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Creates, grows, deletes and recreates topics. */
final class Topics {
  static void life(World world) throws Exception {
    String topic = world.name();
    try (Admin admin = world.admin()) {
      Uuid id = create(world, admin, topic);
      refusals(admin, topic);
      grow(world, admin, topic);
      delete(world, admin, topic, id);
    }
  }

  private static Uuid create(World world, Admin admin, String topic) throws Exception {
    Map<String, String> configs = Map.of("cleanup.policy", "compact", "retention.ms", "123456789");
    NewTopic wanted = new NewTopic(topic, 3, (short) 1).configs(configs);
    CreateTopicsOptions validate = new CreateTopicsOptions().validateOnly(true);
    admin.createTopics(List.of(wanted), validate).all().get();
    Check.that(
        !admin.listTopics().names().get().contains(topic),
        "a topic that was only validated exists");

    CreateTopicsResult created = admin.createTopics(List.of(wanted));
    created.all().get();
    Check.equal(3, created.numPartitions(topic).get(), "partitions of the created topic");
    Check.equal(1, created.replicationFactor(topic).get(), "its replication factor");
    String policy = created.config(topic).get().get("cleanup.policy").value();
    Check.equal("compact", policy, "its config");
    Uuid id = created.topicId(topic).get();
    Check.that(!Uuid.ZERO_UUID.equals(id), "a topic has an id");
    Check.equal(id, admin.listTopics().namesToListings().get().get(topic).topicId(), "listed id");

    TopicDescription byName = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    TopicCollection ids = TopicCollection.ofTopicIds(List.of(id));
    TopicDescription byId = admin.describeTopics(ids).allTopicIds().get().get(id);
    Check.equal(topic, byId.name(), "the name of a topic described by its id");
    Check.equal(byName.partitions().size(), byId.partitions().size(), "its partitions");
    Check.equal(3, byName.partitions().size(), "described partitions");
    int node = admin.describeCluster().nodes().get().iterator().next().id();
    byName.partitions().forEach(one -> Check.equal(node, one.leader().id(), "the leader"));

    NewTopic byDefault = new NewTopic(world.name(), Optional.empty(), Optional.empty());
    CreateTopicsResult unsaid = admin.createTopics(List.of(byDefault));
    Check.equal(1, unsaid.numPartitions(byDefault.name()).get(), "partitions by default");
    return id;
  }

  private static void refusals(Admin admin, String topic) {
    Check.refused(
        TopicExistsException.class, "twice", creating(admin, new NewTopic(topic, 1, (short) 1)));
    NewTopic misnamed = new NewTopic("not a name", 1, (short) 1);
    Check.refused(InvalidTopicException.class, "a bad name", creating(admin, misnamed));
    NewTopic empty = new NewTopic(topic + "-empty", 0, (short) 1);
    Check.refused(InvalidPartitionsException.class, "no partitions", creating(admin, empty));
    for (Map<String, String> configs :
        List.of(Map.of("no.such.config", "1"), Map.of("retention.ms", "x"))) {
      NewTopic wrong = new NewTopic(topic + "-wrong", 1, (short) 1).configs(configs);
      Check.refused(
          InvalidConfigurationException.class, configs.toString(), creating(admin, wrong));
    }
  }

  private static Callable<?> creating(Admin admin, NewTopic topic) {
    return () -> admin.createTopics(List.of(topic)).all().get();
  }

  private static void grow(World world, Admin admin, String topic) throws Exception {
    try (KafkaProducer<String, String> producer = world.producer("metadata.max.age.ms", "100")) {
      Check.equal(3, producer.partitionsFor(topic).size(), "partitions that the producer has");
      admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
      Check.until(
          "the producer has the new partitions",
          () -> producer.partitionsFor(topic).size() == 5,
          () -> producer.partitionsFor(topic));
      producer.send(new ProducerRecord<>(topic, 4, "k", "v")).get();
    }
    Check.equal("v", world.readAll(topic, 4).get(0).value(), "a record of a new partition");
    for (int count : new int[] {5, 2}) {
      Check.refused(
          InvalidPartitionsException.class,
          "increase to " + count,
          () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(count))).all().get());
    }
    Check.refused(
        UnknownTopicOrPartitionException.class,
        "partitions for an unknown topic",
        () ->
            admin.createPartitions(Map.of(topic + "-x", NewPartitions.increaseTo(2))).all().get());
  }

  private static void delete(World world, Admin admin, String topic, Uuid id) throws Exception {
    admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
    Check.that(
        !admin.listTopics().names().get().contains(topic), "deleted by id, but still listed");
    Check.refused(
        UnknownTopicOrPartitionException.class,
        "describe a deleted topic",
        () -> admin.describeTopics(List.of(topic)).allTopicNames().get());
    Check.refused(
        UnknownTopicIdException.class,
        "describe a deleted id",
        () -> admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get());
    Check.refused(
        UnknownTopicOrPartitionException.class,
        "delete a deleted topic",
        () -> admin.deleteTopics(List.of(topic)).all().get());
    Check.refused(
        UnknownTopicIdException.class,
        "delete a deleted id",
        () -> admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get());
    String other = world.newTopic(1);
    admin.deleteTopics(List.of(other)).all().get();
    Check.that(
        !admin.listTopics().names().get().contains(other), "deleted by name, but still listed");
  }

  /** Checks that a producer and a consumer continue while their topic is deleted and recreated. */
  static void recreated(World world) throws Exception {
    String topic = world.newTopic(1);
    TopicPartition partition = new TopicPartition(topic, 0);
    ConcurrentLinkedQueue<String> seen = new ConcurrentLinkedQueue<>();
    AtomicBoolean isOver = new AtomicBoolean();
    String[] alert = {"metadata.max.age.ms", "500", "allow.auto.create.topics", "false"};
    try (Admin admin = world.admin();
        KafkaProducer<String, String> producer = world.producer("metadata.max.age.ms", "500");
        KafkaConsumer<String, String> consumer = world.consumer(alert)) {
      consumer.assign(List.of(partition));
      Thread reader =
          new Thread(
              () -> {
                while (!isOver.get())
                  consumer.poll(World.POLL).forEach(one -> seen.add(one.value()));
              });
      reader.start();
      try {
        recreate(admin, producer, topic, seen);
      } finally {
        isOver.set(true);
        reader.join();
      }
    }
  }

  private static void recreate(
      Admin admin,
      KafkaProducer<String, String> producer,
      String topic,
      ConcurrentLinkedQueue<String> seen)
      throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (int i = 0; i < 500; i++) sent.add(producer.send(new ProducerRecord<>(topic, "old-" + i)));
    for (Future<RecordMetadata> one : sent) one.get();
    Check.until("the old records are read", () -> seen.size() == 500, seen::size);

    admin.deleteTopics(List.of(topic)).all().get();
    create(admin, topic);
    long deadlineMs = System.currentTimeMillis() + 30_000;
    List<String> acknowledged = new ArrayList<>();
    for (int i = 0; acknowledged.size() < 100; i++) {
      Check.that(
          System.currentTimeMillis() < deadlineMs, "the producer did not find the new topic");
      String value = "new-" + i;
      try {
        producer.send(new ProducerRecord<>(topic, value)).get();
        acknowledged.add(value);
      } catch (ExecutionException error) {
        System.out.println(value + " failed: " + error.getCause());
      }
    }
    Set<String> expected = Set.copyOf(acknowledged);
    Check.until("the new records are read", () -> seen.containsAll(expected), seen::size);
    Check.equal(500 + acknowledged.size(), seen.size(), "records that were read");
    List<String> order = seen.stream().filter(expected::contains).toList();
    Check.equal(acknowledged, order, "order of the new records");
  }

  /** Creates the topic, unless a producer's metadata request has already recreated it. */
  private static void create(Admin admin, String topic) throws Exception {
    try {
      admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
    } catch (ExecutionException error) {
      if (!(error.getCause() instanceof TopicExistsException)) throw error;
    }
  }

  private Topics() {}
}
