package org.longform.prompt

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.prompt.ChatOracle.{Chat, Turn}
import org.longform.prompt.jinja.TemplateEngine
import org.scalatest.funsuite.AnyFunSuite

import java.time.{Clock, Instant, ZoneOffset}
import java.util.{Optional, Map => JavaMap}
import scala.collection.JavaConverters._

/** The templates of the families we load give the chats that their model cards describe. */
class ChatFamiliesSuite extends AnyFunSuite {
  private val clock = Clock.fixed(Instant.parse("2026-03-07T15:04:05Z"), ZoneOffset.UTC)
  private val question = "What is\nthe mass? {{ no }} <|eot_id|>"
  private val user = Turn("user", question)
  private val answer = Turn("assistant", "It is <b>12.5</b> mg.")
  private val system = "Be brief.\nSay <s> where {% you %} can."

  private def template(family: String): String =
    new String(getClass.getResourceAsStream(s"/chat-templates/$family.jinja").readAllBytes, "UTF-8")

  private def rendered(family: String, chat: Chat): String = {
    val messages = chat.system.map(Turn("system", _)).toSeq ++ chat.turns
    val list = messages.map(m => Map("role" -> m.role, "content" -> m.text).asJava).asJava
    val variables: JavaMap[String, AnyRef] = Map[String, AnyRef](
      "messages" -> list,
      "bos_token" -> "<s>",
      "eos_token" -> "</s>",
      "add_generation_prompt" -> Boolean.box(chat.write)
    ).asJava
    new TemplateEngine(clock).render(template(family), variables)
  }

  /** What the prompt of a row is: prefix, the user's text, end. */
  private def turn(family: String, systemPrompt: Option[String]): ChatTurn =
    new ChatTemplate(template(family), "<s>", "</s>", clock).turn(Optional.ofNullable(systemPrompt.orNull))

  private def text(turn: ChatTurn, user: String): String =
    turn.prefix.asScala.map(_.text).mkString + user + turn.end

  private def refusal(family: String, chat: Chat): String =
    intercept[RuntimeException](rendered(family, chat)).getMessage

  test("every template that is kept here has its chats written down, and the other way round") {
    val folder = java.nio.file.Path.of(getClass.getResource("/chat-templates").toURI)
    val kept = folder.toFile.list().filter(_.endsWith(".jinja")).map(_.stripSuffix(".jinja")).toSet
    assert(kept == ChatOracle.families.keySet && kept.size == 19)
  }

  for ((family, oracle) <- ChatOracle.families.toSeq.sortBy(_._1)) {
    val systems = if (oracle.system) Seq(None, Some(system)) else Seq(None)

    test(s"$family: chats of one and of several turns are those of the model card") {
      for (
        given <- systems;
        turns <- Seq(Seq(user), Seq(user, answer, user), Seq(user, answer, Turn("user", "a"), answer, user))
      ) {
        val chat = Chat(given, turns, write = true)
        assert(rendered(family, chat) == oracle.render(chat))
      }
    }

    test(s"$family: nothing is begun where nothing is to be written") {
      // Phi-3's first template begins the answer behind every question
      for (given <- systems; turns <- Seq(Seq(user), Seq(user, answer, user))) {
        val chat = Chat(given, turns, write = false)
        assert(rendered(family, chat) == oracle.render(chat))
      }
    }

    test(s"$family: a prompt is its chat, with the system prompt and the document in their places") {
      for (given <- systems) {
        val cut = turn(family, given)
        assert(text(cut, question) == oracle.render(Chat(given, Seq(user), write = true)))
        assert(cut.prefix.asScala.filter(_.kind == Piece.Kind.TEXT).map(_.text) == given.toSeq)
      }
    }

    if (!oracle.system)
      test(s"$family: a system prompt is the beginning of the user's text") {
        val cut = turn(family, Some(system))
        val chat = Chat(None, Seq(Turn("user", system + "\n\n" + question)), write = true)
        assert(text(cut, question) == oracle.render(chat))
        assert(cut.prefix.asScala.exists(p => p.kind == Piece.Kind.TEXT && p.text == system + "\n\n"))
      }
  }

  test("templates that want turns to alternate say so") {
    val twice = Chat(None, Seq(user, user), write = true)
    val refusing =
      Seq("llama-2", "mistral-v0.1", "mixtral", "mistral-v0.3", "mistral-nemo", "gemma-2", "gemma-3")
    refusing.foreach { family =>
      assert(refusal(family, twice).contains("must alternate user/assistant/user/assistant"), family)
      val answerFirst = Chat(None, Seq(answer, user), write = true)
      assert(refusal(family, answerFirst).contains("must alternate"), family)
    }
    ChatOracle.families.keys.filterNot(refusing.contains).foreach { family =>
      assert(rendered(family, twice).split("What is", -1).length == 3, family)
    }
  }

  test("Gemma 2 refuses system messages itself, Phi-3 drops them") {
    val chat = Chat(Some(system), Seq(user), write = true)
    assert(refusal("gemma-2", chat).contains("System role not supported"))
    assert(!rendered("phi-3", chat).contains("Be brief"))
  }

  test("words that a template looks for in the system prompt are found") {
    assert(text(turn("smollm-3", Some("Be brief. /no_think")), "x").contains("Reasoning Mode: /no_think"))
    val cut = turn("smollm-3", Some("Be brief. /no_think"))
    assert(cut.end.endsWith("<think>\n\n</think>\n"))
    assert(cut.prefix.asScala.filter(_.kind == Piece.Kind.TEXT).map(_.text.trim) == Seq("Be brief."))
  }

  test("white space around a system prompt goes where the template strips it, and stays where it does not") {
    def around(family: String): String = text(turn(family, Some("\n Be brief. \n")), "x")
    assert(around("llama-3").contains("\n\nBe brief.<|eot_id|>"))
    assert(around("qwen-3").contains("system\n\n Be brief. \n<|im_end|>"))
    assert(around("llama-2").contains("<<SYS>>\n\n Be brief. \n\n<</SYS>>"))
  }

  test("the thinking branches of Qwen3 follow their switch") {
    def end(pairs: (String, AnyRef)*): String = {
      val variables: JavaMap[String, AnyRef] = (Map[String, AnyRef](
        "messages" -> Seq(Map("role" -> "user", "content" -> "x").asJava).asJava,
        "add_generation_prompt" -> Boolean.box(true)
      ) ++ pairs).asJava
      new TemplateEngine(clock).render(template("qwen-3"), variables)
    }
    assert(end().endsWith("<|im_start|>assistant\n"))
    assert(end("enable_thinking" -> Boolean.box(true)).endsWith("<|im_start|>assistant\n"))
    assert(end("enable_thinking" -> Boolean.box(false)).endsWith("assistant\n<think>\n\n</think>\n\n"))
  }

  test("a template that refuses even a question alone is an error with its words") {
    val broken = new ChatTemplate("{{ raise_exception('never') }}", "", "", clock)
    for (given <- Seq(Optional.empty[String], Optional.of("x"))) {
      val error = intercept[LongformException](broken.turn(given))
      assert(error.errorClass == ErrorClass.TEMPLATE_ERROR)
      assert(error.getMessage.contains("it refuses the messages ('never')"))
    }
  }
}
