package org.longform.read

import scala.collection.JavaConverters._

import org.longform.prompt.Task
import org.longform.runtime.LongformRuntime
import org.scalatest.funsuite.AnyFunSuite

class ScratchSuite extends AnyFunSuite {
  test("look") {
    val texts = Seq(
      "The sample size of the Veldra cohort was 4821.",
      "The code name of the Kelmos cohort was amber falcon.",
      "Results\nThe median age of the Kelmos cohort was 57.3 years. The sample size of the Veldra cohort was 4821. The code name of the Kelmos cohort was amber falcon."
    )
    def say(task: Task, question: String, text: String): Unit = {
      val a = LongformRuntime
        .reader(Map("max_new_tokens" -> "80").asJava)
        .read(new ReadRequest(text, task, Seq(question).asJava, "r", ReadListener.NONE))
        .get(0)
      println(s"LOOK $task $question <- ${text.take(40)} -> ${a.value()} ${a.probabilities()} ${a
          .finishReason()} ${a.error()}")
    }
    for (text <- texts) {
      for (
        c <- Seq(
          "The sample size was 4821",
          "The cohort has a code name",
          "What was the sample size of the Veldra cohort?",
          "It is about cooking",
          "The sample size of the Veldra cohort was 4821.",
          "The sample size of the Veldra cohort was 17."
        )
      )
        say(Task.FILTER, c, text)
      for (
        e <- Seq(
          """["cohort","sample size"]""",
          """["sample size of the Veldra cohort"]""",
          """["What was the sample size of the Veldra cohort?"]""",
          """["code name of the Kelmos cohort"]""",
          """{"type":"object","properties":{"sample size of the Veldra cohort":{"type":"integer"}}}""",
          """{"type":"object","properties":{"The sample size of the Veldra cohort was ":{"type":"integer"}}}""",
          """{"type":"object","properties":{"sample size":{"type":"integer"},"code name":{"enum":["silver heron","amber falcon","crimson otter"]}}}""",
          """{"type":"object","properties":{"sample size":{"type":"string","maxLength":20},"age":{"type":"number"}}}"""
        )
      )
        say(Task.EXTRACT, e, text)
      for (
        l <- Seq(
          """["silver heron","amber falcon","crimson otter"]""",
          """["17","4821","999"]""",
          """["57.3 years","12.1 years"]""",
          """["cohort","recipe"]"""
        )
      )
        say(Task.CLASSIFY, l, text)
    }
  }
}
