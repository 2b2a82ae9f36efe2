package org.longform.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The ways to split words that GGUF files name in {@code tokenizer.ggml.pre}, as the tokenizers of
 * the models do it that llama.cpp's names stand for.
 */
enum WordSplit {
  LLAMA_3(
      List.of(Step.regex(Words.LLAMA_3)),
      List.of(
          "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"),
      Trait.WHOLE_WORDS_FIRST,
      Trait.ADDS_BOS),
  // the same words, and merges decide alone
  LLAMA_3_PLAIN(
      List.of(Step.regex(Words.LLAMA_3)), List.of("dbrx", "smaug-bpe", "chatglm-bpe", "glm4")),
  MINICPM_5(
      List.of(
          Step.regex("\\p{N}{1,3}"), Step.regex(Words.LLAMA_3.replace("\\p{N}{1,3}", "\\p{N}+"))),
      List.of("minicpm5"),
      Trait.WHOLE_WORDS_FIRST),
  TEKKEN(
      List.of(Step.regex(Words.TEKKEN)),
      List.of("tekken"),
      Trait.WHOLE_WORDS_FIRST,
      Trait.ADDS_BOS),
  GPT_4O(
      List.of(Step.regex(Words.GPT_4O)),
      List.of("gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2")),
  QWEN_2(
      List.of(Step.regex(Words.QWEN_2)),
      List.of("qwen2", "deepseek-r1-qwen", "megrez", "hunyuan", "stablelm2", "kormo", "f2llmv2"),
      Trait.COMPOSED),
  // the same words of texts as they are
  QWEN_2_PLAIN(List.of(Step.regex(Words.QWEN_2)), List.of("grok-2", "solar-open")),
  QWEN_3_5(
      List.of(
          Step.regex(
              "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
                  + "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")),
      List.of("qwen35"),
      Trait.COMPOSED),
  SEED_CODER(
      List.of(
          Step.regex(
              "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}"
                  + "| ?[^\\s\\p{L}\\p{N}\r\n]+|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")),
      List.of("seed-coder")),
  GPT_2(
      List.of(Step.BYTES_AND_WORDS),
      List.of(
          "gpt-2",
          "phi-2",
          "olmo",
          "mpt",
          "jais",
          "gigachat",
          "mellum",
          "exaone4",
          "trillion",
          "granite-docling",
          "a.x-4.0")),
  SMOLLM(
      List.of(Step.DIGITS, Step.BYTES_AND_WORDS),
      List.of(
          "smollm",
          "starcoder",
          "refact",
          "command-r",
          "codeshell",
          "exaone",
          "minerva-7b",
          "mellum2")),
  DEEPSEEK_LLM(
      List.of(
          Step.regex("[\r\n]"),
          Step.regex(Words.DEEPSEEK_LETTERS),
          Step.regex("\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+"),
          Step.regex("\\s+$"),
          Step.regex(Words.DEEPSEEK_CJK),
          Step.DIGITS),
      List.of("deepseek-llm")),
  DEEPSEEK_CODER(
      List.of(
          Step.regex("[\r\n]"),
          Step.regex("\\s?\\p{L}+"),
          Step.regex("\\s?\\p{P}+"),
          Step.regex(Words.DEEPSEEK_CJK),
          Step.DIGITS),
      List.of("deepseek-coder")),
  DEEPSEEK_3(
      List.of(
          Step.regex("\\p{N}{1,3}"),
          Step.regex("[一-龥\u3040-ゟ゠-ヿ]+"),
          Step.regex(
              "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
                  + "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*"
                  + "|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")),
      List.of("deepseek-v3", "hunyuan-dense", "joyai-llm")),
  BLOOM(List.of(Step.regex(Words.BLOOM)), List.of("bloom", "poro-chat", "gpt3-finnish")),
  VIKING(List.of(Step.regex(Words.BLOOM), Step.regex("\\p{N}")), List.of("viking")),
  FALCON(
      List.of(
          Step.regex("[\\p{P}\\$\\+<=>\\^~\\|`]+"),
          Step.regex(Words.GPT_2),
          Step.regex("[0-9][0-9][0-9]")),
      List.of("falcon")),
  DEFAULT_WORDS(
      List.of(
          Step.regex("[\\p{P}\\$\\+<=>\\^~\\|]+"),
          Step.regex(Words.GPT_2),
          Step.regex("\\p{N}+"),
          Step.regex("[0-9][0-9][0-9]")),
      List.of(WordSplit.DEFAULT));

  /** Taken by files that name none. */
  static final String DEFAULT = "default";

  private static final String BYTES = "bytes";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final List<Step> steps;
  private final List<String> names;
  private final List<Trait> traits;

  WordSplit(List<Step> steps, List<String> names, Trait... traits) {
    this.steps = steps;
    this.names = names;
    this.traits = List.of(traits);
  }

  private enum Trait {
    /** A word that is a token is that token, whatever the merges say. */
    WHOLE_WORDS_FIRST,
    /** Sequences begin with a token of their own where the file does not say. */
    ADDS_BOS,
    /** Texts are brought to composed characters first (NFC). */
    COMPOSED
  }

  /** The patterns as the tokenizers of the models have them. */
  private static final class Words {
    static final String GPT_2 =
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
    static final String LLAMA_3 =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    static final String QWEN_2 = LLAMA_3.replace("{1,3}", "");
    static final String TEKKEN =
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
            + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
            + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    static final String GPT_4O =
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
            + "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
            + "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    static final String BLOOM = " ?[^(\\s|.,!?…。，、।۔،)]+";
    static final String DEEPSEEK_CJK = "[一-龥ࠀ-一가-퟿]+";

    /** Letters that have an upper and a lower case, as the file of the model lists them. */
    static final String DEEPSEEK_LETTERS =
        "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";

    private Words() {}
  }

  /** One splitting of what the one before has left. */
  private record Step(String regex) {
    static final Step DIGITS = new Step("digits");
    static final Step BYTES_AND_WORDS = new Step("words");

    static Step regex(String regex) {
      return new Step(regex);
    }

    ObjectNode json() {
      ObjectNode json = JSON.createObjectNode();
      if (equals(DIGITS)) {
        return json.put("type", "Digits").put("individual_digits", true);
      }
      if (equals(BYTES_AND_WORDS)) {
        return bytes(json, true);
      }
      json.put("type", "Split");
      json.putObject("pattern").put("Regex", regex);
      return json.put("behavior", "Isolated").put("invert", false);
    }
  }

  private static ObjectNode bytes(ObjectNode json, boolean words) {
    return json.put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", words);
  }

  static Optional<WordSplit> named(String name) {
    return Arrays.stream(values()).filter(split -> split.names.contains(name)).findFirst();
  }

  static String names() {
    List<String> names = new ArrayList<>();
    Arrays.stream(values()).forEach(split -> names.addAll(split.names));
    return names.stream().sorted().collect(Collectors.joining(", "));
  }

  /** The name under which llama.cpp knows it. */
  String ggufName() {
    return names.get(0);
  }

  boolean wholeWordsFirst() {
    return traits.contains(Trait.WHOLE_WORDS_FIRST);
  }

  boolean addsBos() {
    return traits.contains(Trait.ADDS_BOS);
  }

  JsonNode normalizer() {
    return traits.contains(Trait.COMPOSED)
        ? JSON.createObjectNode().put("type", "NFC")
        : NullNode.getInstance();
  }

  /** As tokenizer.json describes it. */
  ObjectNode preTokenizer() {
    if (steps.equals(List.of(Step.BYTES_AND_WORDS))) {
      return Step.BYTES_AND_WORDS.json();
    }
    ObjectNode json = JSON.createObjectNode().put("type", "Sequence");
    ArrayNode sequence = json.putArray("pretokenizers");
    steps.forEach(step -> sequence.add(step.json()));
    if (!steps.contains(Step.BYTES_AND_WORDS)) {
      sequence.add(bytes(JSON.createObjectNode(), false));
    }
    return json;
  }

  /** The steps of a pre_tokenizer in tokenizer.json, each as a word of its own. */
  static List<String> steps(JsonNode preTokenizer) {
    if (preTokenizer.path("type").asText().equals("Sequence")) {
      List<String> steps = new ArrayList<>();
      preTokenizer.path("pretokenizers").forEach(each -> steps.addAll(steps(each)));
      return steps;
    }
    return switch (preTokenizer.path("type").asText()) {
      case "ByteLevel" ->
          List.of(preTokenizer.path("use_regex").asBoolean(true) ? "bytes and words" : BYTES);
      case "Digits" ->
          List.of(preTokenizer.path("individual_digits").asBoolean(false) ? "digits" : "numbers");
      case "Split" -> List.of(preTokenizer.path("pattern").toString());
      default -> List.of(preTokenizer.toString());
    };
  }

  static boolean isByteLevel(List<String> steps) {
    return steps.contains(BYTES) || steps.contains("bytes and words");
  }

  /** The one with these steps. */
  static Optional<WordSplit> of(List<String> steps, boolean wholeWordsFirst) {
    return Arrays.stream(values())
        .filter(split -> split.wholeWordsFirst() == wholeWordsFirst)
        .filter(split -> steps(split.preTokenizer()).equals(steps))
        .findFirst();
  }

  /** One that differs only in which characters are digits. */
  static Optional<WordSplit> like(List<String> steps, boolean wholeWordsFirst) {
    List<String> known = List.of("{\"Regex\":\"[0-9]\"}", "{\"Regex\":\"\\\\d\"}");
    return of(
        steps.stream().map(step -> known.contains(step) ? "digits" : step).toList(),
        wholeWordsFirst);
  }
}
