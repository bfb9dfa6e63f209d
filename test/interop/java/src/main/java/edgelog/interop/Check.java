package edgelog.interop;

import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;

/** Assertions of the scenarios. */
final class Check {
  private static final long WAIT_MS_MAX = 30_000;

  static final class Failed extends RuntimeException {
    Failed(String why) {
      super(why);
    }
  }

  static void that(boolean holds, String what) {
    if (!holds) throw new Failed(what);
  }

  static void equal(Object expected, Object actual, String what) {
    if (Objects.equals(expected, actual)) return;
    throw new Failed(what + ": expected " + shown(expected) + ", got " + shown(actual));
  }

  /** Checks that `work` fails with `type`, directly or through a future that it waits for. */
  static <E extends Throwable> E refused(Class<E> type, String what, Callable<?> work) {
    try {
      Object result = work.call();
      throw new Failed(what + ": expected " + type.getSimpleName() + ", got " + shown(result));
    } catch (Failed failed) {
      throw failed;
    } catch (Exception error) {
      Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
      if (type.isInstance(cause)) return type.cast(cause);
      throw new Failed(what + ": expected " + type.getSimpleName() + ", got " + cause);
    }
  }

  /** Waits until `isSo` returns true; the failure message includes `seen`. */
  static void until(String what, Callable<Boolean> isSo, Supplier<?> seen) throws Exception {
    long deadlineMs = System.currentTimeMillis() + WAIT_MS_MAX;
    while (!isSo.call()) {
      that(System.currentTimeMillis() < deadlineMs, "did not happen: " + what + "; " + seen.get());
      Thread.sleep(20);
    }
  }

  private static String shown(Object value) {
    String text = String.valueOf(value);
    return text.length() <= 300 ? text : text.substring(0, 300) + "...";
  }

  private Check() {}
}
