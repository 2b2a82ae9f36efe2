package org.longform.datasets.articles;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.OptionalLong;
import org.longform.datasets.articles.ArticleVocabulary.Field;
import org.longform.datasets.articles.SentenceWriter.Subject;

/**
 * The pieces of one article, one section each; facts and finding fill up meanwhile.
 *
 * <p>An article is a title, an abstract, and studies with Introduction, Methods, Results and
 * Discussion. A longer article has more studies, so memory is that of the fact list whatever the
 * length. Not thread-safe.
 */
public final class ArticleStream implements Iterator<String> {
  private static final long SMALL_TOKENS = 900;
  private static final double[] SMALL_SHARES = {0.12, 0.15, 0.58, 0.15};
  private static final double[] LARGE_SHARES = {0.15, 0.2, 0.45, 0.2};

  private final ArticleSpec spec;
  private final PythonRandom random;
  private final NameMaker names;
  private final SentenceWriter sentences;
  private final ArticleVocabulary vocabulary = ArticleVocabulary.bundled();
  private final boolean small;
  private final double reserve;

  private final Deque<String> ready = new ArrayDeque<>();
  private final List<FactDraft> facts = new ArrayList<>();
  private Subject subject;
  private int studies;
  private boolean finished;
  private String finding;
  private long findingStart;
  private String title;
  private long length;
  private long returned;
  private double tokens;

  public ArticleStream(ArticleSpec spec) {
    this.spec = spec;
    this.random = new PythonRandom("article-" + spec.seed());
    this.names = new NameMaker(random, spec.mix().hard());
    this.sentences = new SentenceWriter(random, names);
    this.small = spec.targetTokens() < SMALL_TOKENS;
    boolean conclusionAtEnd = spec.finding().equals(FindingPlace.END);
    this.reserve = conclusionAtEnd ? 45 : 10;
    writeHead();
    writeNextStudy(); // one study ahead: the last piece must be known to lose its line ends
  }

  @Override
  public boolean hasNext() {
    return !ready.isEmpty();
  }

  /** The next piece; the last one has no line ends at its end. */
  @Override
  public String next() {
    if (ready.isEmpty()) {
      throw new NoSuchElementException("Cannot read on: the article has ended. Ask hasNext first.");
    }
    if (ready.size() == 1 && !finished) {
      writeNextStudy();
    }
    String written = ready.removeFirst();
    String piece = ready.isEmpty() ? withoutLineEnds(written) : written;
    returned += piece.length();
    return piece;
  }

  /**
   * The facts written so far, in the order of their statement; at least those of all pieces already
   * returned, and all facts once the stream has ended.
   */
  public List<Fact> facts() {
    return facts.stream().map(FactDraft::finished).toList();
  }

  /** The gold summary, once its piece was written. */
  public Optional<String> finding() {
    return Optional.ofNullable(finding);
  }

  /** Offset of the finding in the article, in UTF-16 code units. */
  public OptionalLong findingStart() {
    return finding == null ? OptionalLong.empty() : OptionalLong.of(findingStart);
  }

  /** The title, known from the beginning. */
  public String title() {
    return title;
  }

  /**
   * Characters of all pieces returned so far: the length of the article once the stream has ended.
   */
  public long length() {
    return returned;
  }

  private void writeHead() {
    subject = newSubject();
    title = sentences.write(random.choice(vocabulary.templates("title")), subject);
    put("Title: " + title + "\n\n");
    if (spec.targetTokens() >= 150) {
      put("Abstract\n" + String.join(" ", writeSome("introduction")) + "\n\n");
    }
  }

  private Subject newSubject() {
    Field field = vocabulary.field(random.choice(spec.fields()));
    return new Subject(field, names.invent());
  }

  private List<String> writeSome(String section) {
    return random.sample(vocabulary.templates(section), small ? 1 : 3).stream()
        .map(template -> sentences.write(template, subject))
        .toList();
  }

  private void writeNextStudy() {
    studies++;
    double left = spec.targetTokens() - reserve - tokens;
    if (studies > 1 && left < 120) {
      if (finding == null && spec.finding().present() == FindingPlace.Presence.STATED) {
        writeConclusion();
      }
      finished = true;
      return;
    }
    if (finding == null && isFindingDue()) {
      writeConclusion();
    }
    if (!small) {
      subject = newSubject();
      put("Study " + studies + "\n\n");
    }
    writeStudy(Math.min(left, random.randrange(350, 1100)));
  }

  private boolean isFindingDue() {
    return spec.finding().depth().isPresent()
        && tokens >= spec.finding().depth().getAsDouble() * spec.targetTokens();
  }

  private void writeConclusion() {
    List<String> lines = writeSome("conclusion");
    int at = (int) random.randrange(lines.size() + 1L);
    finding = sentences.writeFinding(subject.field());
    StringBuilder text = new StringBuilder("Conclusion\n");
    lines.subList(0, at).forEach(line -> text.append(line).append(' '));
    findingStart = length + text.length();
    text.append(finding);
    lines.subList(at, lines.size()).forEach(line -> text.append(' ').append(line));
    put(text.append("\n\n").toString());
  }

  private void writeStudy(double budget) {
    double[] shares = small ? SMALL_SHARES : LARGE_SHARES;
    if (budget >= 220) {
      writeSection("Introduction", budget * shares[0]);
    }
    if (budget >= 130) {
      writeSection("Methods", budget * shares[1]);
    }
    int before = facts.size();
    FactSource source = new FactSource(random, names, subject.field());
    writeSection("Results", budget * (budget >= 130 ? shares[2] : 0.8), source, spec.mix().facts());
    if (budget >= 130) {
      List<FactDraft> again = new ArrayList<>();
      for (FactDraft fact : facts.subList(before, facts.size())) {
        if (random.random() < spec.mix().restated()) {
          again.add(fact);
        }
      }
      writeSection("Discussion", budget * shares[3], again.iterator(), again.isEmpty() ? 0.0 : 0.5);
    }
  }

  private void writeSection(String title, double budget) {
    writeSection(title, budget, Collections.emptyIterator(), Double.NaN);
  }

  /**
   * @param share chance of a sentence to be a fact; NaN draws no number, as a section without facts
   *     does
   */
  private void writeSection(String title, double budget, Iterator<FactDraft> source, double share) {
    List<Template> templates = vocabulary.templates(title.toLowerCase(Locale.ROOT));
    Deque<Template> pool = new ArrayDeque<>();
    StringBuilder text = new StringBuilder(title).append('\n');
    double characters = budget * ArticleSpec.CHARS_PER_TOKEN;
    int head = text.length();
    while (text.length() == head || text.length() < characters) {
      boolean wantsFact = !Double.isNaN(share) && random.random() < share;
      if (wantsFact && source.hasNext()) {
        text.append(state(source.next(), length + text.length()));
      } else {
        if (pool.isEmpty()) {
          pool.addAll(random.sample(templates, templates.size()));
        }
        text.append(sentences.write(pool.removeLast(), subject));
      }
      text.append(' ');
    }
    text.setLength(text.length() - 1);
    put(text.append("\n\n").toString());
  }

  private String state(FactDraft fact, long offset) {
    String lead = random.choice(vocabulary.words().leads());
    String clause = fact.clause() + ".";
    String sentence = lead.isEmpty() ? Sentences.capitalised(clause) : lead + clause;
    if (fact.isStated()) {
      fact.repeat();
    } else {
      fact.stateAt(offset, sentence.length());
      facts.add(fact);
    }
    return sentence;
  }

  private void put(String piece) {
    length += piece.length();
    tokens += spec.tokenCount().applyAsDouble(piece);
    ready.addLast(piece);
  }

  private static String withoutLineEnds(String piece) {
    int end = piece.length();
    while (end > 0 && piece.charAt(end - 1) == '\n') {
      end--;
    }
    return piece.substring(0, end);
  }
}
