package org.longform.bench.figures;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.longform.bench.Settings;
import org.longform.bench.engines.Engine;
import org.longform.bench.engines.Engine.Work;
import org.longform.bench.engines.Longform;

/** What the measurements of one run share: settings, the roofline, a word about progress. */
public final class Run {
  private final Settings settings;
  private final Consumer<String> progress;
  private Roofline roofline;

  public Run(Settings settings, Consumer<String> progress) {
    this.settings = settings;
    this.progress = progress;
  }

  Settings settings() {
    return settings;
  }

  void progress(String message) {
    progress.accept(message);
  }

  /** What the machine can do; measured once, by the first that asks. */
  Roofline roofline() {
    if (roofline == null) {
      progress("roofline");
      roofline = Roofline.measure(settings.roofline());
    }
    return roofline;
  }

  /** Medians of one piece of work: ours and each peer's that can do it, by name. */
  record Compared(double ours, Map<String, Double> peers, List<String> details) {
    /** The peer that was fastest; empty without peers. */
    Optional<String> bestPeer() {
      return peers.entrySet().stream().max(Map.Entry.comparingByValue()).map(Map.Entry::getKey);
    }
  }

  /**
   * Measures ours and the peers in turns, so that all see the same moods of the machine.
   *
   * @param turns how often each has its turn
   * @param perTurn repetitions in each turn; more than one where preparing is dear
   */
  Compared compare(Path model, Work work, int turns, int perTurn) {
    return compare(model, work, settings.peers(), turns, perTurn);
  }

  /** As {@link #compare(Path, Work, int, int)}, with some of the peers. */
  Compared compare(Path model, Work work, List<Engine.Opener> peers, int turns, int perTurn) {
    Map<String, List<Double>> samples = new LinkedHashMap<>();
    List<String> details = new ArrayList<>();
    List<Engine.Opener> openers = new ArrayList<>();
    openers.add(Longform.opener(settings.device()));
    openers.addAll(peers);
    List<Engine> engines = new ArrayList<>();
    try {
      for (Engine.Opener opener : openers) {
        engines.add(opener.open(model, settings.threads()));
      }
      for (int turn = 0; turn < turns; turn++) {
        for (Engine engine : engines) {
          if (!engine.can(work)) {
            continue;
          }
          if (turn == 0) {
            // the first call of a process maps pages, compiles and fills caches
            warm(engine, work);
          }
          progress("%s %s, turn %d".formatted(engine.name(), describe(work), turn + 1));
          for (double sample : engine.tokensPerSecond(work, perTurn)) {
            samples.computeIfAbsent(engine.name(), name -> new ArrayList<>()).add(sample);
          }
        }
      }
      engines.forEach(engine -> details.add(engine.name() + ": " + engine.detail()));
    } finally {
      engines.forEach(Engine::close);
    }
    Map<String, Double> medians = new LinkedHashMap<>();
    samples.forEach(
        (name, values) ->
            medians.put(
                name, Samples.median(values.stream().mapToDouble(Double::doubleValue).toArray())));
    double ours = medians.remove(Longform.NAME);
    return new Compared(ours, medians, details);
  }

  private static void warm(Engine engine, Work work) {
    // llama-bench warms up by itself; a deep cache is not filled for this
    if (engine.warms()) {
      return;
    }
    // a document's first tokens are written by code that Java has not compiled to the end
    int times = work.writes() ? 8 : 1;
    engine.tokensPerSecond(new Work(0, Math.min(work.tokens(), 64), work.writes()), times);
  }

  /** Tokens a second of one peer alone. */
  double peer(Engine.Opener opener, Path model, Work work) {
    progress("%s %s".formatted(opener.name(), describe(work)));
    try (Engine engine = opener.open(model, settings.threads())) {
      return Samples.median(engine.tokensPerSecond(work, 1));
    }
  }

  /** For people. */
  public static String describe(Work work) {
    return work.writes()
        ? "decode %d at depth %d".formatted(work.tokens(), work.depth())
        : "prefill %d at depth %d".formatted(work.tokens(), work.depth());
  }
}
