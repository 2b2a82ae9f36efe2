package org.longform.tokenizer;

import java.io.Reader;
import java.io.StringReader;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * The tokenizer of one model, from the files of its directory. Immutable and thread-safe; whoever
 * loads it closes it.
 *
 * <p>Text of documents and questions is encoded as text, also where it spells a special token
 * ({@link #encode}); only the text of prompt templates is read for special tokens ({@link
 * #encodeTemplate}). No method adds tokens of its own accord. Unpaired surrogates in a text count
 * as U+FFFD.
 */
public final class Tokenizer implements AutoCloseable {
  private final TokenizerConfig config;
  private final NativeTokenizer documents;
  private final NativeTokenizer templates;
  private final int vocabularySize;
  private final Map<Integer, String> specialTokens;
  private final OptionalInt bosId;
  private final OptionalInt eosId;
  private final boolean postProcessorAddsBos;
  private final boolean putsSpaceFirst;
  // from the files again, since most models never need it
  private final Supplier<byte[][]> tokenBytes;

  /** Where a text stands in a sequence. */
  public enum Place {
    BEGINNING,
    /** Behind other text: nothing is put before it. */
    CONTINUATION
  }

  private Tokenizer(
      TokenizerConfig config,
      TokenizerJson json,
      NativeTokenizer documents,
      NativeTokenizer templates,
      Supplier<byte[][]> tokenBytes) {
    this.config = config;
    this.tokenBytes = tokenBytes;
    this.documents = documents;
    this.templates = templates;
    this.vocabularySize = json.vocabularySize();
    this.specialTokens = json.specialTokens();
    this.bosId = id(json, config.bosToken(), "bos_token");
    this.eosId = id(json, config.eosToken(), "eos_token");
    this.putsSpaceFirst = !Arrays.equals(documents.encode("a").ids(), behind(documents, "a"));
    int[] added = templates.encodeWithSpecialTokens("");
    this.postProcessorAddsBos =
        bosId.isPresent() && added.length > 0 && added[0] == bosId.getAsInt();
  }

  /** The tokenizer of the model at a path; see {@link #load(ModelFiles)}. */
  public static Tokenizer load(Path model) {
    return load(ModelFiles.of(model));
  }

  /**
   * Loads {@code tokenizer.json} and, where they exist, {@code tokenizer_config.json} or {@code
   * special_tokens_map.json}. Never uses the network.
   *
   * @throws LongformException INVALID_MODEL naming the file and what is wrong with it
   */
  public static Tokenizer load(ModelFiles files) {
    TokenizerJson json = TokenizerJson.load(files);
    TokenizerConfig config = TokenizerConfig.load(files);
    List<NativeTokenizer> opened = new ArrayList<>();
    try {
      opened.add(NativeTokenizer.of(json.forDocuments(unguessable()), json.file()));
      opened.add(NativeTokenizer.of(json.forTemplates(), json.file()));
      return new Tokenizer(
          config,
          json,
          opened.get(0),
          opened.get(1),
          () -> TokenBytes.of(TokenizerJson.load(files)));
    } catch (RuntimeException e) {
      opened.forEach(NativeTokenizer::close);
      throw e;
    }
  }

  /** The ids of a text; special tokens in it are ordinary text. */
  public int[] encode(String text) {
    return collect(stream(text));
  }

  /** The ids of a text in a sequence; special tokens in it are ordinary text. */
  public int[] encode(String text, Place place) {
    return place == Place.BEGINNING ? encode(text) : continuation(documents, text);
  }

  /** The ids of a prompt template's text; special tokens in it are those tokens. */
  public int[] encodeTemplate(String text, Place place) {
    return place == Place.BEGINNING
        ? templates.encode(TextWindow.wellFormed(text)).ids()
        : continuation(templates, text);
  }

  // some tokenizers put a space before any text: behind another character it is not before ours
  private int[] continuation(NativeTokenizer tokenizer, String text) {
    String wellFormed = TextWindow.wellFormed(text);
    return putsSpaceFirst ? behind(tokenizer, wellFormed) : tokenizer.encode(wellFormed).ids();
  }

  /** The ids of the text behind the first character that does not share a token with it. */
  private static int[] behind(NativeTokenizer tokenizer, String text) {
    for (String character : List.of("\n", "a", ".", "\u0001")) {
      Encoded encoded = tokenizer.encode(character + text);
      for (int i = 1; i < encoded.size() && encoded.starts()[i] <= 1; i++) {
        if (encoded.starts()[i] == 1 && encoded.beginsCharacter(i)) {
          return Arrays.copyOfRange(encoded.ids(), i, encoded.size());
        }
      }
    }
    return tokenizer.encode(text).ids();
  }

  /** The tokens of a text of any size with their places in it. The caller closes the reader. */
  public TokenStream stream(Reader text) {
    return new TokenStream(documents, text, TokenStream.WINDOW);
  }

  /** The tokens of a text with their places in it, in chunks. */
  public TokenStream stream(CharSequence text) {
    return stream(new StringReader(text.toString()));
  }

  /**
   * Why a text cannot be tokenized, if it cannot: in a long one there may be no place to cut it.
   */
  public Optional<LongformException> refusal(String text) {
    if (text.length() <= TokenStream.WINDOW) {
      return Optional.empty();
    }
    try {
      count(text);
      return Optional.empty();
    } catch (LongformException e) {
      return Optional.of(e);
    }
  }

  /** How many tokens {@link #encode} gives. */
  public long count(CharSequence text) {
    return count(new StringReader(text.toString()));
  }

  /** How many tokens the text has. The caller closes the reader. */
  public long count(Reader text) {
    long count = 0;
    for (TokenStream chunks = stream(text); chunks.hasNext(); ) {
      count += chunks.next().size();
    }
    return count;
  }

  /**
   * The text of tokens without that of special ones. For well-formed text {@code decode(encode(x))}
   * is {@code x} where the model's tokenizer keeps all characters.
   *
   * @throws LongformException INVALID_INPUT for an id outside the vocabulary
   */
  public String decode(int[] ids) {
    for (int id : ids) {
      if (id < 0 || id >= vocabularySize) {
        throw new LongformException(
            ErrorClass.INVALID_INPUT,
            "Cannot decode token %d: the vocabulary has %d tokens. Use the tokenizer of the model that wrote it."
                .formatted(id, vocabularySize));
      }
    }
    return templates.decode(ids);
  }

  /**
   * What each token writes into the middle of a text, by id; null for tokens that no text means.
   * Read from the model's files each time.
   *
   * @throws LongformException UNSUPPORTED_MODEL for a tokenizer that joins its tokens in an unknown
   *     way
   */
  public byte[][] tokenBytes() {
    return tokenBytes.get();
  }

  /** Decodes the tokens of one answer as they come. */
  public Detokenizer detokenizer() {
    return new Detokenizer(templates);
  }

  /** The token that begins a sequence, where the model has one. */
  public OptionalInt bosId() {
    return bosId;
  }

  public Optional<String> bosToken() {
    return config.bosToken();
  }

  public Optional<String> eosToken() {
    return config.eosToken();
  }

  /**
   * Tokens that end an answer according to the tokenizer's files; generation_config may add some.
   */
  public List<Integer> eosIds() {
    return eosId.isPresent() ? List.of(eosId.getAsInt()) : List.of();
  }

  /** Whether a sequence of this model begins with {@link #bosId}. */
  public boolean addsBos() {
    return bosId.isPresent() && config.addsBos().orElse(postProcessorAddsBos);
  }

  /** One more than the largest id; a model needs at least as many embeddings. */
  public int vocabSize() {
    return vocabularySize;
  }

  /** The special tokens by id, for instance to show a prompt. */
  public Map<Integer, String> specialTokens() {
    return Map.copyOf(specialTokens);
  }

  @Override
  public void close() {
    documents.close();
    templates.close();
  }

  static int[] collect(TokenStream stream) {
    IntStream.Builder ids = IntStream.builder();
    while (stream.hasNext()) {
      for (int id : stream.next().ids()) {
        ids.add(id);
      }
    }
    return ids.build().toArray();
  }

  private static OptionalInt id(TokenizerJson json, Optional<String> token, String field) {
    if (token.isEmpty()) {
      return OptionalInt.empty();
    }
    OptionalInt id = json.idOf(token.get());
    if (id.isEmpty()) {
      throw json.file()
          .invalid(
              "it has no token '%s', which tokenizer_config.json names as %s"
                  .formatted(token.get(), field));
    }
    return id;
  }

  private static String unguessable() {
    StringBuilder text = new StringBuilder("\uE0F1\uE0F2");
    SecureRandom random = new SecureRandom();
    for (int i = 0; i < 16; i++) {
      text.append((char) ('\uE100' + random.nextInt(0x1000)));
    }
    return text.toString();
  }
}
