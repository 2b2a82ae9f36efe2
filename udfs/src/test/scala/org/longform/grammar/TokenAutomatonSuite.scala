package org.longform.grammar

import java.nio.charset.StandardCharsets.UTF_8
import java.util.{Set => JSet}

import scala.collection.JavaConverters._
import scala.util.Random

import org.longform.decoding.Continuations
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.tokenizer.{TestModels, Tokenizer}
import org.scalatest.funsuite.AnyFunSuite

/** Grammars over tokens against the same grammars over bytes. */
class TokenAutomatonSuite extends AnyFunSuite {
  private val End = 0

  private type Vocabulary = Array[Array[Byte]]

  /** Token 0 ends, 1 is a special one, then come all bytes, then some texts. */
  private def vocabulary(texts: Seq[Array[Byte]], bytes: Seq[Int] = 0 until 256): Vocabulary =
    (Seq[Array[Byte]](null, null) ++ bytes.map(byte => Array(byte.toByte)) ++ texts).toArray

  private def utf8(texts: String*): Seq[Array[Byte]] = texts.map(_.getBytes(UTF_8))

  private val common = utf8(
    "{\"",
    "\":",
    "\":\"",
    "\",\"",
    "\"}",
    "null",
    "\\u",
    "\\ud8",
    "The",
    " the",
    "a\"",
    "\",\"ab",
    "tr",
    "e",
    "e"
  )

  /** Pieces of texts, cut where characters are not. */
  private val cut: Seq[Array[Byte]] = {
    val random = new Random(5)
    val bytes =
      "{\"größe\":\"Ærøskøbing 😀😃 größer\",\"sample size\":null,\"a\":[1,10.5e3,true]}".getBytes(UTF_8)
    Seq.fill(300) {
      val from = random.nextInt(bytes.length - 1)
      bytes.slice(from, from + 1 + random.nextInt(9))
    }
  }

  private def ofModel(directory: java.nio.file.Path): (Vocabulary, Set[Int]) = {
    val tokenizer = Tokenizer.load(directory)
    try {
      val special = tokenizer.specialTokens().keySet().asScala.map(_.intValue()).toSet
      (tokenizer.tokenBytes(), special)
    } finally tokenizer.close()
  }

  private lazy val vocabularies: Seq[(String, Vocabulary)] = Seq(
    "bytes" -> vocabulary(Nil),
    "bytes and texts" -> vocabulary(common),
    "bytes and cut texts" -> vocabulary(common ++ cut),
    "few bytes" -> vocabulary(common ++ cut, "\"{}[]:,nul\\0-truefals".distinct.map(_.toInt)),
    "byte-level" -> ofModel(TestModels.bundled)._1,
    "SentencePiece" -> ofModel(TestModels.llama2Style)._1
  )

  private def automaton(tokens: Vocabulary, rule: Rule): TokenAutomaton =
    new TokenAutomaton(new TokenTrie(tokens), tokens, JSet.of[Integer](End), rule)

  /** What the grammar says to each token behind a text. */
  private def naive(tokens: Vocabulary, rule: Rule, text: Array[Byte]): Set[Int] = {
    val place = rule.start(Place.END).step(text)
    val next =
      tokens.indices.filter(id => tokens(id) != null && tokens(id).nonEmpty && place.step(tokens(id)) != null)
    next.toSet ++ (if (place.accepts()) Set(End) else Set.empty[Int])
  }

  private def allowed(place: Continuations): Set[Int] = place.allowed().stream().toArray.toSet

  /** Tokens at random, more often short of the end than not. */
  private def written(place: Continuations, automaton: TokenAutomaton, most: Int, random: Random)(
      look: (Continuations, Array[Byte]) => Unit
  ): (Array[Byte], Int) = {
    var at = place
    var text = Array.empty[Byte]
    var count = 0
    var ended = false
    while (!at.complete() && !ended && count < most) {
      look(at, text)
      val possible = allowed(at)
      assert(possible.nonEmpty, s"a dead end behind ${new String(text, UTF_8)}")
      val token = at.forced().orElse(possible.toSeq.sorted.apply(random.nextInt(possible.size)))
      assert(possible(token) && at.allows(token))
      at = at.after(token)
      ended = token == End
      text ++= automaton.bytes(token)
      count += 1
    }
    (text, count)
  }

  for ((vocabularyName, tokens) <- vocabularies; (typeName, jsonType) <- JsonOracle.types)
    test(s"$vocabularyName, $typeName: the allowed tokens are those of the grammar, and all ends are valid") {
      val random = new Random(3)
      val rule = jsonType.rule()
      val whole = automaton(tokens, rule)
      val oracle = new JsonOracle(jsonType)
      val complete = vocabularyName != "few bytes"
      val spelled =
        try whole.begin(100000) != null
        catch { case _: LongformException => false }
      assert(spelled || !complete)
      if (spelled) {
        // with all the room there is the masks are those of the grammar
        for (_ <- 1 to (if (tokens.length > 1000) 3 else 6)) {
          var looks = 0
          written(whole.begin(100000), whole, 40, random) { (place, text) =>
            val expected = naive(tokens, rule, text)
            if (complete) assert(allowed(place) == expected, new String(text, UTF_8))
            else assert(allowed(place).subsetOf(expected))
            assert(place.allowed() eq place.wished())
            looks += 1
          }
          assert(looks > 0)
        }
        // with little room the end is always reached
        val least = (1 to 400).find { most =>
          try whole.begin(most) != null
          catch { case e: LongformException => assert(e.errorClass() == ErrorClass.INVALID_OPTION); false }
        }.get
        for (most <- least to least + 12; _ <- 1 to 3) {
          val (text, count) = written(whole.begin(most), whole, most, random) { (place, before) =>
            if (complete) assert(allowed(place).subsetOf(naive(tokens, rule, before)))
          }
          assert(count <= most)
          assert(oracle.accepts(text), s"$most: ${new String(text, UTF_8)}")
        }
      }
    }

  test("what is certain is one token, the longest, and only then") {
    val tokens = vocabulary(common)
    val rule = JsonOracle.schema("""{"type":"object","properties":{"null":{"type":"string"}}}""").rule()
    val whole = automaton(tokens, rule)
    def id(text: String): Int = tokens.lastIndexWhere(each => each != null && new String(each, UTF_8) == text)
    var place = whole.begin(100)
    for (text <- Seq("{\"", "null", "\":\"")) {
      assert(place.forced().getAsInt == id(text), text)
      assert(allowed(place).size > 1 || text == "null")
      place = place.after(place.forced().getAsInt)
    }
    assert(!place.forced().isPresent)
    assert(whole.begin(100).forced(9).toSeq == Seq("{\"", "null", "\":\"").map(id))
    assert(whole.begin(100).forced(2).length == 2)
    assert(whole.begin(100).prefix(Array(id("{\""), id("null"), id("e"))).toSeq == Seq("{\"", "null").map(id))
    place = place.after(id("\"}"))
    assert(place.complete() && !place.forced().isPresent)
  }

  test("tokens that write the same are both allowed, special ones never") {
    val tokens = vocabulary(common)
    val rule = new JsonString(Rule.UNLIMITED)
    val whole = automaton(tokens, rule)
    val inside = whole.begin(1000).after(2 + '"')
    val same = tokens.indices.filter(id => tokens(id) != null && new String(tokens(id), UTF_8) == "e")
    assert(same.size == 3 && same.forall(allowed(inside)))
    assert(!allowed(inside)(1) && !allowed(inside)(End) && !inside.allows(1) && !inside.allows(End))
    assert(!inside.allows(1 << 20))
  }

  for (directory <- Seq("bundled" -> TestModels.bundled, "Llama 2" -> TestModels.llama2Style))
    test(s"no text of the ${directory._1} tokenizer has its special tokens") {
      val (tokens, special) = ofModel(directory._2)
      assert(special.nonEmpty && special.forall(tokens(_) == null))
    }

  test("the end may come where a text is whole, also where it could go on") {
    val tokens = vocabulary(Nil)
    val rule = new Words(java.util.List.of("no".getBytes, "none".getBytes))
    val whole = automaton(tokens, rule)
    val no = "no".foldLeft(whole.begin(10))((place, letter) => place.after(2 + letter))
    assert(allowed(no) == Set(End, 2 + 'n') && !no.complete() && !no.forced().isPresent)
    assert(no.after(End).complete())
    // for one more letter there would be room, but not for the one behind it
    val tight = "no".foldLeft(whole.begin(3))((place, letter) => place.after(2 + letter))
    assert(allowed(tight) == Set(End) && tight.wished().get(2 + 'n'))
  }

  test("a vocabulary that cannot write a name is refused with what it cannot write") {
    val tokens = vocabulary(common, "\"{}:,nul".map(_.toInt))
    val error = intercept[LongformException](
      automaton(tokens, JsonOracle.schema("""["größe"]""").rule()).begin(100)
    )
    assert(error.errorClass() == ErrorClass.UNSUPPORTED_MODEL)
    assert(
      error.getMessage ==
        "Cannot write {\"größe\":null}: the model's vocabulary has no tokens for it. Use other names, or another model."
    )
  }

  test("a limit that no JSON of the type keeps to is refused with how much it takes") {
    val whole = automaton(vocabulary(Nil), JsonOracle.schema("""["a"]""").rule())
    val error = intercept[LongformException](whole.begin(9))
    assert(error.errorClass() == ErrorClass.INVALID_OPTION)
    assert(
      error.getMessage ==
        "Cannot write {\"a\":null}: it takes 10 tokens, and max_new_tokens is 9. Raise it, or ask for less."
    )
    assert(whole.begin(10).allowed().cardinality() == 1)
  }

  test("long strings and arrays need few masks: a count that no token uses up makes no difference") {
    val tokens = vocabulary(common ++ cut)
    val rule = JsonOracle
      .schema(
        """{"type":"object","properties":{"l":{"type":"array","maxItems":5000,"items":{"type":"string","maxLength":9000}}}}"""
      )
      .rule()
    val whole = automaton(tokens, rule)
    val random = new Random(1)
    written(whole.begin(1 << 20), whole, 3000, random)((_, _) => ())
    assert(whole.keptMasks() < 400)
  }

  test("a token that ends answers is never a part of one, also where it is a text") {
    val tokenizer = Tokenizer.load(TestModels.bundled)
    try {
      val letter = tokenizer.encode("z", Tokenizer.Place.CONTINUATION).last
      val json = JsonOracle.schema("""["a"]""")
      def inString(ends: Int*): Continuations = {
        val whole = TokenAutomata.of(tokenizer).json(json, ends.map(Integer.valueOf).toSet.asJava)
        tokenizer
          .encode("{\"a\":\"", Tokenizer.Place.CONTINUATION)
          .foldLeft(whole.begin(100))((place, token) => place.after(token))
      }
      assert(inString(2047).allowed().get(letter) && inString(2047).allows(letter))
      assert(!inString(letter).allowed().get(letter) && !inString(letter).allows(letter))
      assert(!inString(2047, letter).wished().get(letter) && inString(letter).allowed().cardinality() > 100)
    } finally tokenizer.close()
  }

  test("where null is short and what else may come is long, that comes only where there is room for it") {
    val tokens = vocabulary(Nil)
    val names = (1 to 9).map(i => s""""property $i":{"type":"integer"}""").mkString(",")
    val rule = JsonOracle.schema(s"""{"type":"object","properties":{$names}}""").rule()
    val whole = automaton(tokens, new NullOr(rule))
    val least = 1 + rule.shortest()
    for (most <- 4 until rule.shortest()) assert(allowed(whole.begin(most)) == Set(2 + 'n'), most)
    for (most <- least to least + 40) {
      assert(allowed(whole.begin(most)) == Set(2 + 'n', 2 + '{'), most)
      val (text, _) = written(whole.begin(most).after(2 + '{'), whole, most, new Random(most))((_, _) => ())
      assert(text.last == '}')
    }
  }

  test("one tokenizer and type has one automaton, whatever asks") {
    val tokenizer = Tokenizer.load(TestModels.bundled)
    try {
      val ends = JSet.of[Integer](2047)
      val first = TokenAutomata.of(tokenizer).json(JsonOracle.schema("""["a"]"""), ends)
      assert(TokenAutomata.of(tokenizer).json(JsonOracle.schema("""[ "a" ]"""), ends) eq first)
      assert(!(TokenAutomata.of(tokenizer).json(JsonOracle.schema("""["b"]"""), ends) eq first))
    } finally tokenizer.close()
  }
}
