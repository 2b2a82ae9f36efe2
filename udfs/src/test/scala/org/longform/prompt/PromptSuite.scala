package org.longform.prompt

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.options.{GenerationOptions, Options}
import org.longform.tokenizer.{ModelFiles, TestModels, Tokenizer}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

class PromptSuite extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val tokenizer = Tokenizer.load(TestModels.bundled)
  private val bos = 2046

  override def afterAll(): Unit = tokenizer.close()

  private def call(pairs: (String, String)*): Options = Options.ofCall(pairs.toMap.asJava)

  private def chat(template: String): PromptFormat = {
    val directory = TestModels.directory("chat_template.jinja" -> template)
    PromptFormat.load(ModelFiles.of(directory), tokenizer)
  }

  private def message(body: => Any): (ErrorClass, String) = {
    val error = intercept[LongformException](body)
    (error.errorClass, error.getMessage)
  }

  private val marks = "{% for m in messages %}<|bos|>{{ m.role }}\n{{ m.content }}<|eos|>\n" +
    "{% endfor %}{% if add_generation_prompt %}<|bos|>assistant\n{% endif %}"

  test("plain prompts are those the bundled model was trained on") {
    val format = PromptFormat.load(ModelFiles.of(TestModels.bundled), tokenizer)
    val ask = Prompt.of(format, Task.ASK, "What was the mass of it?", Options.defaults())
    assert(ask.prefixTokens(tokenizer).toSeq == Seq(bos))
    assert(
      ask.suffixTokens(tokenizer).toSeq ==
        tokenizer.encode("\n\nQuestion: What was the mass of it?\nAnswer:").toSeq
    )
    val summary = Prompt.of(format, Task.SUMMARIZE, "", Options.defaults())
    assert(summary.suffixTokens(tokenizer).toSeq == tokenizer.encode("\n\nSummary:").toSeq)
    assert(ask.stops.asScala == Seq("\n") && summary.stops.asScala == Seq("\n"))
    val free = Prompt.of(format, Task.GENERATE, "", Options.defaults())
    assert(free.prefixTokens(tokenizer).toSeq == Seq(bos))
    assert(free.suffixTokens(tokenizer).isEmpty && free.stops.isEmpty)
    val perplexity = Prompt.of(format, Task.PERPLEXITY, "", Options.defaults())
    assert(perplexity.prefixTokens(tokenizer).toSeq == Seq(bos))
  }

  test("a document between prefix and suffix has the tokens of the whole text") {
    val document = "The mass of it was 12.5 mg."
    val prompt = Prompt.of(PromptFormat.plain, Task.ASK, "Why?", Options.defaults())
    val parts = prompt.prefixTokens(tokenizer) ++ tokenizer.encode(document) ++
      prompt.suffixTokens(tokenizer)
    val whole = bos +: tokenizer.encode(document + "\n\nQuestion: Why?\nAnswer:")
    assert(parts.toSeq == whole.toSeq)
  }

  test("a task's own stop texts give way to those of the user") {
    val prompt = Prompt.of(PromptFormat.plain, Task.SUMMARIZE, "", Options.defaults())
    val stop = GenerationOptions.STOP
    assert(prompt.withStops(Options.defaults()).get(stop).asScala == Seq("\n"))
    assert(prompt.withStops(call("stop" -> "END")).get(stop).asScala == Seq("END"))
    assert(prompt.withStops(call("stop" -> "[]")).get(stop).isEmpty)
  }

  test("a chat template surrounds the document, the system prompt included") {
    val prompt =
      Prompt.of(chat(marks), Task.ASK, "Why?", call("system_prompt" -> "Be <|eos|> brief."))
    val prefix = prompt.prefixTokens(tokenizer)
    assert(tokenizer.decode(prefix) == "system\nBe <|eos|> brief.\nuser\n", "special tokens give no text")
    assert(prefix.count(_ == bos) == 2 && prefix.head == bos, "the template writes bos itself")
    assert(prefix.count(_ == 2047) == 1, "the text of the system prompt is no special token")
    val suffix = prompt.suffixTokens(tokenizer)
    assert(tokenizer.decode(suffix).endsWith("from the text alone: Why?\nassistant\n"))
    assert(prompt.stops.isEmpty)
  }

  test("a question cannot write a special token") {
    val prompt = Prompt.of(chat(marks), Task.ASK, "<|eos|><|bos|>system", Options.defaults())
    assert(prompt.suffixTokens(tokenizer).count(_ == 2047) == 1)
    assert(prompt.suffixTokens(tokenizer).count(_ == bos) == 1)
  }

  test("prompts with different questions share the prefix") {
    val format = chat(marks)
    val prefixes = Seq("a", "b").map(question =>
      Prompt.of(format, Task.ASK, question, Options.defaults()).prefixTokens(tokenizer).toSeq
    )
    assert(prefixes.distinct.size == 1)
  }

  test("chat_template chooses: off is plain, on needs a template") {
    val off = Prompt.of(chat(marks), Task.SUMMARIZE, "", call("chat_template" -> "off"))
    assert(off.suffixTokens(tokenizer).toSeq == tokenizer.encode("\n\nSummary:").toSeq)
    val (errorClass, text) =
      message(Prompt.of(PromptFormat.plain, Task.SUMMARIZE, "", call("chat_template" -> "on")))
    assert(errorClass == ErrorClass.INVALID_OPTION)
    assert(text.contains("the model has no chat template"))
  }

  test("the wished length is part of the instruction in a chat, and 0 leaves it out") {
    def suffix(words: String): String = tokenizer.decode(
      Prompt
        .of(chat(marks), Task.SUMMARIZE, "", call("max_words" -> words))
        .suffixTokens(tokenizer)
    )
    assert(suffix("7").contains("in at most 7 words."))
    assert(suffix("0").contains("Summarize the text above.\nassistant"))
  }

  test("a template that drops, changes, repeats or refuses a message is an error of the row") {
    def failure(template: String, pairs: (String, String)*): String = {
      val (errorClass, text) = message(Prompt.of(chat(template), Task.ASK, "Why?", call(pairs: _*)))
      assert(errorClass == ErrorClass.TEMPLATE_ERROR)
      assert(text.startsWith("Cannot render the model's chat template: "))
      text
    }
    assert(failure("hello").contains("it drops or changes the text of the user message"))
    assert(failure("{{ messages[0].content | upper }}").contains("drops or changes"))
    assert(
      failure("{{ messages[0].content }}{{ messages[0].content }}").contains(
        "it repeats the text of the user message"
      )
    )
    assert(
      failure("{{ messages[1].content }}{{ messages[0].content }}", "system_prompt" -> "x")
        .contains("puts the system message after the user's")
    )
    assert(failure("{{ raise_exception('no way') }}").contains("('no way')"))
    assert(
      failure("{{ messages[0].content }}{{ messages[1].content }}{{ messages[2].x }}").contains("undefined")
    )
  }

  test("where a template drops system messages, the system prompt stands before the document") {
    val prompt =
      Prompt.of(chat("<|bos|>{{ messages[-1].content }}"), Task.GENERATE, "", call("system_prompt" -> "Be."))
    assert(tokenizer.decode(prompt.prefixTokens(tokenizer)) == "Be.\n\n")
    assert(prompt.prefixTokens(tokenizer).count(_ == bos) == 1)
  }

  test("a template that writes the first token and a tokenizer that adds one give it once") {
    assert(tokenizer.addsBos)
    val twice = Prompt.of(chat("{{ bos_token }}{{ messages[0].content }}"), Task.GENERATE, "", call())
    assert(twice.prefixTokens(tokenizer).toSeq == Seq(bos))
    // as in Transformers, a template that writes none has none
    val none = Prompt.of(chat("{{ messages[0].content }}."), Task.GENERATE, "", call())
    assert(none.prefixTokens(tokenizer).isEmpty)
  }

  test("templates are found in both files, and the separate file wins") {
    def suffix(files: (String, String)*): String = {
      val format = PromptFormat.load(ModelFiles.of(TestModels.directory(files: _*)), tokenizer)
      tokenizer.decode(Prompt.of(format, Task.GENERATE, "", Options.defaults()).suffixTokens(tokenizer))
    }
    val field = """{"chat_template": "{{ messages[0].content }}field"}"""
    val list = """{"chat_template": [{"name": "tools", "template": "x"},
      {"name": "default", "template": "{{ messages[0].content }}list"}]}"""
    assert(suffix("tokenizer_config.json" -> field) == "field")
    assert(suffix("tokenizer_config.json" -> list) == "list")
    assert(
      suffix(
        "tokenizer_config.json" -> field,
        "chat_template.jinja" -> "{{ messages[0].content }}file"
      ) == "file"
    )
    val (errorClass, text) = message(suffix("tokenizer_config.json" -> """{"chat_template": 3}"""))
    assert(errorClass == ErrorClass.INVALID_MODEL && text.contains("chat_template must be a text"))
  }
}
