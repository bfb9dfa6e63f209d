package edgelog.interop;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.SslAuthenticationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnsupportedSaslMechanismException;

/** Checks SASL against a server that requires a token, without and with TLS. */
final class Security {
  private static final String MODULES = "org.apache.kafka.common.security.";
  private static final String STORE_PASSWORD = "changeit";

  static void sasl(World world) throws Exception {
    String token = world.ask("token");
    roundTrip(world, plain("SASL_PLAINTEXT", token));
    Check.refused(
        SaslAuthenticationException.class,
        "a wrong password",
        () -> names(world, plain("SASL_PLAINTEXT", "not the token")));
    Check.refused(
        UnsupportedSaslMechanismException.class,
        "an unsupported mechanism",
        () -> names(world, scram(token)));
    String[] impatient = {"default.api.timeout.ms", "3000", "request.timeout.ms", "2000"};
    Check.refused(TimeoutException.class, "no password at all", () -> names(world, impatient));
  }

  static void tls(World world) throws Exception {
    String token = world.ask("token");
    Path certificate = Path.of(world.ask("certificate"));
    String[] trusting = {
      "ssl.truststore.type", "PEM", "ssl.truststore.location", certificate.toString()
    };
    roundTrip(world, Groups.and(plain("SASL_SSL", token), trusting));
    Check.refused(
        SslAuthenticationException.class,
        "an untrusted certificate",
        () -> names(world, plain("SASL_SSL", token)));
    Check.refused(
        SaslAuthenticationException.class,
        "a wrong password over TLS",
        () -> names(world, Groups.and(plain("SASL_SSL", "not the token"), trusting)));
  }

  private static void roundTrip(World world, String[] settings) throws Exception {
    String topic = world.name();
    try (KafkaProducer<String, String> producer = world.producer(settings)) {
      producer.send(new ProducerRecord<>(topic, "k", "v".repeat(100_000))).get();
    }
    Check.equal(1, world.readAll(topic, 0, settings).size(), "records read back");
  }

  private static Set<String> names(World world, String[] settings) throws Exception {
    try (Admin admin = world.admin(settings)) {
      return admin.listTopics().names().get();
    }
  }

  private static String[] plain(String protocol, String password) {
    return sasl(protocol, "PLAIN", "plain.PlainLoginModule", password);
  }

  private static String[] scram(String password) {
    return sasl("SASL_PLAINTEXT", "SCRAM-SHA-256", "scram.ScramLoginModule", password);
  }

  private static String[] sasl(String protocol, String mechanism, String module, String password) {
    String login = MODULES + module + " required username=\"any\" password=\"" + password + "\";";
    return new String[] {
      "security.protocol", protocol, "sasl.mechanism", mechanism, "sasl.jaas.config", login
    };
  }

  /** Writes a self-signed certificate for localhost and its key: cert.pem and key.pem. */
  static void certificate(Path folder) throws Exception {
    Path store = folder.resolve("store.p12");
    keytool(
        "-genkeypair",
        "-keystore",
        store.toString(),
        "-storepass",
        STORE_PASSWORD,
        "-alias",
        "bridge",
        "-keyalg",
        "EC",
        "-dname",
        "CN=localhost",
        "-ext",
        "SAN=dns:localhost,ip:127.0.0.1",
        "-validity",
        "2");
    KeyStore keys = KeyStore.getInstance(store.toFile(), STORE_PASSWORD.toCharArray());
    byte[] key = keys.getKey("bridge", STORE_PASSWORD.toCharArray()).getEncoded();
    Files.writeString(folder.resolve("key.pem"), pem("PRIVATE KEY", key));
    byte[] certificate = keys.getCertificate("bridge").getEncoded();
    Files.writeString(folder.resolve("cert.pem"), pem("CERTIFICATE", certificate));
  }

  private static void keytool(String... args) throws IOException, InterruptedException {
    String tool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
    List<String> command = List.of(Groups.and(new String[] {tool}, args));
    int status = new ProcessBuilder(command).inheritIO().start().waitFor();
    Check.equal(0, status, "exit code of keytool");
  }

  private static String pem(String what, byte[] bytes) {
    String text =
        Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII)).encodeToString(bytes);
    return "-----BEGIN " + what + "-----\n" + text + "\n-----END " + what + "-----\n";
  }

  private Security() {}
}
