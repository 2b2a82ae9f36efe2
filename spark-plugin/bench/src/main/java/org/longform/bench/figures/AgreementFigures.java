package org.longform.bench.figures;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import org.longform.bench.Settings;
import org.longform.bench.engines.LlamaPerplexity;
import org.longform.bench.engines.Longform;
import org.longform.bench.table.Figure;
import org.longform.bench.table.Report;
import org.longform.bench.table.Target;
import org.longform.datasets.articles.ArticleStream;
import org.longform.datasets.tasks.CardArticles;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.model.Session;
import org.longform.kernels.tensor.DType;
import org.longform.models.ConversionRequest;
import org.longform.models.ModelConversion;
import org.longform.models.ModelLocation;
import org.longform.tokenizer.Tokenizer;

/** Whether both sides compute the same: perplexity of a text by the same GGUF file. */
final class AgreementFigures implements Measurement {
  private static final String MODEL = "longform-tiny";
  private static final int TEXT_TOKENS = 8192;

  @Override
  public String name() {
    return "agree";
  }

  @Override
  public String description() {
    return "with --peer: perplexity of a text by the bundled model as GGUF, ours and llama.cpp's";
  }

  @Override
  public void measure(Run run, Report report) {
    LlamaPerplexity peer = run.settings().perplexity();
    if (peer == null) {
      run.progress("agree is left out: no --peer, or no llama-perplexity beside LLAMA_BENCH");
      return;
    }
    try {
      Path folder = Files.createTempDirectory("longform-bench-");
      Path text = Files.writeString(folder.resolve("article.txt"), article());
      Path model = folder.resolve(MODEL + ".gguf");
      try {
        for (DType type : run.settings().types()) {
          report.add(figure(run.settings(), peer, text, model, type));
        }
      } finally {
        Files.deleteIfExists(model);
        Files.delete(text);
        Files.delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Cannot compare perplexities: %s. Free some disk space.".formatted(e.getMessage()), e);
    }
  }

  private static Figure figure(
      Settings settings, LlamaPerplexity peer, Path text, Path model, DType type)
      throws IOException {
    ModelConversion.run(
        new ConversionRequest(
            ModelLocation.resolve(MODEL), model, type, ConversionRequest.IfExists.REPLACE));
    double theirs = peer.of(model, text, settings.threads());
    double ours = perplexity(settings, Files.readString(text), model);
    return new Figure(
        "perplexity of %s in %s".formatted(MODEL, type.name().toLowerCase(Locale.ROOT)),
        "",
        ours,
        Map.of("llama-perplexity", theirs),
        Math.abs(ours / theirs - 1),
        Target.change(0.005),
        "an article in chunks of %d tokens, the second half of each scored"
            .formatted(LlamaPerplexity.CHUNK));
  }

  private static String article() {
    StringBuilder text = new StringBuilder();
    new ArticleStream(CardArticles.forPerplexity(TEXT_TOKENS, 0)).forEachRemaining(text::append);
    return text.toString();
  }

  /** As llama.cpp's tools/perplexity does it: the first token of each chunk gives way to BOS. */
  private static double perplexity(Settings settings, String text, Path model) {
    int chunk = LlamaPerplexity.CHUNK;
    try (Tokenizer tokenizer = Tokenizer.load(model);
        Longform longform = Longform.open(model, settings.device(), settings.threads())) {
      int[] ids = tokenizer.encode(text);
      double sum = 0;
      long scored = 0;
      for (int from = 0; from + chunk <= ids.length; from += chunk) {
        int[] tokens = Arrays.copyOfRange(ids, from, from + chunk);
        if (tokenizer.addsBos()) {
          tokens[0] = tokenizer.bosId().getAsInt();
        }
        try (Session session =
            longform.session(
                ContextStrategies.create("full", Map.of(), longform.decoder().limits()))) {
          session.feed(tokens, 0, 1);
          double[] surprises = session.score(tokens, 1, chunk - 1);
          for (int i = chunk / 2; i < surprises.length; i++) {
            sum += surprises[i];
            scored++;
          }
        }
      }
      return Math.exp(sum / scored);
    }
  }
}
