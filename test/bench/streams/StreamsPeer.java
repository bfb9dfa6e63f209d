import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Kafka Streams with the sum of `npm run bench:streams`: the same records, one partition, exactly_once_v2. Prints the
 * records/s from the first processed record on.
 *
 * <p>Arguments: bootstrap server, keys, records, bytes of the cache, seconds to measure at most.
 */
public final class StreamsPeer {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    String bootstrap = args[0];
    int keys = Integer.parseInt(args[1]);
    long records = Long.parseLong(args[2]);
    long cacheBytes = Long.parseLong(args[3]);
    long secondsMax = Long.parseLong(args[4]);
    String id = "sum-" + keys + "-" + cacheBytes + "-" + System.nanoTime();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(List.of(topic(id + "-in"), topic(id + "-out"))).all().get();
    }
    fill(bootstrap, id + "-in", keys, records);
    System.out.println("records/s " + Math.round(rate(bootstrap, id, records, cacheBytes, secondsMax)));
  }

  private static NewTopic topic(String name) {
    return new NewTopic(name, 1, (short) 1);
  }

  private static void fill(String bootstrap, String topic, int keys, long records) {
    Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "linger.ms", 20, "batch.size", 200_000);
    String value = "{\"amount\":3,\"note\":\"" + "x".repeat(70) + "\"}";
    Random random = new Random(1);
    try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
      for (long sent = 0; sent < records; sent++) {
        producer.send(new ProducerRecord<>(topic, "user-" + random.nextInt(keys), value));
      }
    }
  }

  private static double rate(String bootstrap, String id, long records, long cacheBytes, long secondsMax)
      throws Exception {
    AtomicLong processed = new AtomicLong();
    AtomicLong startedAt = new AtomicLong();
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(id + "-in", Consumed.with(Serdes.String(), Serdes.String()))
        .mapValues(StreamsPeer::amountOf)
        .groupByKey(org.apache.kafka.streams.kstream.Grouped.with(Serdes.String(), Serdes.Long()))
        .aggregate(
            () -> 0L,
            (key, amount, sum) -> {
              startedAt.compareAndSet(0, System.nanoTime());
              processed.incrementAndGet();
              return sum + amount;
            },
            Materialized.with(Serdes.String(), Serdes.Long()))
        .toStream()
        .to(id + "-out", Produced.with(Serdes.String(), Serdes.Long()));
    Properties config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, id);
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, cacheBytes);
    config.put(StreamsConfig.STATE_DIR_CONFIG, java.nio.file.Files.createTempDirectory("streams-peer").toString());
    config.put("auto.offset.reset", "earliest");
    try (KafkaStreams streams = new KafkaStreams(builder.build(), config)) {
      streams.start();
      while (startedAt.get() == 0) Thread.sleep(10);
      long until = startedAt.get() + Duration.ofSeconds(secondsMax).toNanos();
      while (processed.get() < records && System.nanoTime() < until) Thread.sleep(5);
      return processed.get() / ((System.nanoTime() - startedAt.get()) / 1e9);
    }
  }

  private static long amountOf(String value) {
    try {
      return JSON.readTree(value).get("amount").asLong();
    } catch (Exception error) {
      throw new IllegalArgumentException(error);
    }
  }

  private StreamsPeer() {}
}
