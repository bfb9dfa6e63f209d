package edgelog.interop;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The server under test: creates clients for it, and sends commands to the runner. */
final class World {
  static final Duration POLL = Duration.ofMillis(200);
  private static final long READ_MS_MAX = 30_000;

  private final String bootstrap;
  private final BufferedReader replies = new BufferedReader(new InputStreamReader(System.in));
  private int names = 0;

  World(String bootstrap) {
    this.bootstrap = bootstrap;
  }

  /** Returns a name that no other scenario uses. */
  String name() {
    return "java-" + ProcessHandle.current().pid() + "-" + ++names;
  }

  /** Sends a command to the runner, and waits for the result. */
  synchronized String ask(String what) {
    System.out.println("? " + what);
    System.out.flush();
    try {
      String reply = replies.readLine();
      Check.that(reply != null && reply.startsWith("ok"), what + ": the runner returned " + reply);
      return reply.substring(2).trim();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  Admin admin(String... settings) {
    return Admin.create(with(settings));
  }

  KafkaProducer<String, String> producer(String... settings) {
    return new KafkaProducer<>(with(settings), new StringSerializer(), new StringSerializer());
  }

  /** Creates a consumer without a group and from the beginning, unless `settings` override it. */
  KafkaConsumer<String, String> consumer(String... settings) {
    Properties config = with("auto.offset.reset", "earliest", "enable.auto.commit", "false");
    config.putAll(with(settings));
    return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
  }

  private Properties with(String... settings) {
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    for (int i = 0; i < settings.length; i += 2) config.put(settings[i], settings[i + 1]);
    return config;
  }

  String newTopic(int partitions) throws Exception {
    return newTopic(partitions, Map.of());
  }

  String newTopic(int partitions, Map<String, String> configs) throws Exception {
    String topic = name();
    try (Admin admin = admin()) {
      NewTopic wanted = new NewTopic(topic, partitions, (short) 1).configs(configs);
      admin.createTopics(List.of(wanted)).all().get();
    }
    return topic;
  }

  /** Reads all records of a partition from its beginning. */
  List<ConsumerRecord<String, String>> readAll(String topic, int partition, String... settings) {
    TopicPartition wanted = new TopicPartition(topic, partition);
    try (KafkaConsumer<String, String> consumer = consumer(settings)) {
      consumer.assign(List.of(wanted));
      consumer.seekToBeginning(List.of(wanted));
      long end = consumer.endOffsets(List.of(wanted)).get(wanted);
      List<ConsumerRecord<String, String>> records = new ArrayList<>();
      long deadlineMs = System.currentTimeMillis() + READ_MS_MAX;
      while (consumer.position(wanted) < end) {
        String so = consumer.position(wanted) + " of " + end;
        Check.that(System.currentTimeMillis() < deadlineMs, "reading stalled: " + so);
        consumer.poll(POLL).forEach(records::add);
      }
      return records;
    }
  }
}
