package edgelog.interop;

import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.KTable;

/**
 * `StreamsApp HOST:PORT PREFIX STATE_FOLDER`: a Kafka Streams application with `exactly_once_v2` that runs until it is
 * killed. It joins PREFIX-in with the table PREFIX-names, counts the records of each name, and writes every count to
 * PREFIX-out: with exactly once these are 1, 2, 3, ... for each name.
 */
public final class StreamsApp {
  public static void main(String[] args) {
    String prefix = args[1];
    Properties config = new Properties();
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix);
    config.put(StreamsConfig.STATE_DIR_CONFIG, args[2]);
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    // Every count is written.
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    config.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 6_000);
    config.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    StreamsBuilder builder = new StreamsBuilder();
    KTable<String, String> names = builder.table(prefix + "-names");
    builder
        .<String, String>stream(prefix + "-in")
        .join(names, (value, name) -> name)
        .groupBy((key, name) -> name)
        .count()
        .toStream()
        .mapValues(String::valueOf)
        .to(prefix + "-out");
    KafkaStreams streams = new KafkaStreams(builder.build(), config);
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler
              .StreamThreadExceptionResponse.REPLACE_THREAD;
        });
    streams.start();
  }

  private StreamsApp() {}
}
