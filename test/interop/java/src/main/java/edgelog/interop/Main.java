package edgelog.interop;

import java.nio.file.Path;
import java.util.Map;

/**
 * `Main SCENARIO host:port` runs one scenario; if it fails, prints the reason and exits with 1.
  * `Main certificate FOLDER` writes a certificate and a key for a bridge with TLS.
 */
public final class Main {
  interface Scenario {
    void play(World world) throws Exception;
  }

  private static final Map<String, Scenario> SCENARIOS =
      Map.ofEntries(
          Map.entry("topics", Topics::life),
          Map.entry("recreated-topic", Topics::recreated),
          Map.entry("codecs", Records::codecs),
          Map.entry("acks", Records::acks),
          Map.entry("refused-records", Records::refused),
          Map.entry("refused-in-batch", Records::refusedInBatch),
          Map.entry("delete-records", Records::deleted),
          Map.entry("kills", Kills::play),
          Map.entry("compacted", Compacted::latest),
          Map.entry("classic-range", world -> Groups.share(world, Groups.RANGE)),
          Map.entry("classic-cooperative", world -> Groups.share(world, Groups.COOPERATIVE)),
          Map.entry("consumer-protocol", world -> Groups.share(world, Groups.CONSUMER)),
          Map.entry("classic-static", world -> StaticMembers.play(world, Groups.RANGE)),
          Map.entry("consumer-static", world -> StaticMembers.play(world, Groups.CONSUMER)),
          Map.entry("patterns", Groups::patterns),
          Map.entry("offsets", Offsets::listed),
          Map.entry("committed-offsets", Offsets::committed),
          Map.entry("reset-policies", Offsets::resets),
          Map.entry("configs", Configs::play),
          Map.entry("cluster", Operations::cluster),
          Map.entry("authorized-operations", Administration::operations),
          Map.entry("features", Administration::features),
          Map.entry("node", Administration::node),
          Map.entry("quotas", Administration::quotas),
          Map.entry("acls", Administration::acls),
          Map.entry("groups", Operations::groups),
          Map.entry("sasl", Security::sasl),
          Map.entry("tls", Security::tls),
          Map.entry("transactions", Transactions::visible),
          Map.entry("large-transactions", Transactions::large),
          Map.entry("copies-classic", world -> Transactions.copied(world, Groups.RANGE)),
          Map.entry("copies-consumer", world -> Transactions.copied(world, Groups.CONSUMER)),
          Map.entry("fenced-producers", Transactions::fenced),
          Map.entry("described-transactions", Transactions::described));

  public static void main(String[] args) {
    int status = 0;
    try {
      if (args[0].equals("certificate")) Security.certificate(Path.of(args[1]));
      else SCENARIOS.get(args[0]).play(new World(args[1]));
    } catch (Check.Failed failed) {
      System.err.println(failed.getMessage());
      status = 1;
    } catch (Throwable error) {
      error.printStackTrace();
      status = 1;
    }
    // Ends the program even if a failed scenario left threads running.
    System.exit(status);
  }

  private Main() {}
}
