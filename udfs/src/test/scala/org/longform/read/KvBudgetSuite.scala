package org.longform.read

import java.nio.file.Files
import java.util.concurrent.{Callable, Executors, TimeUnit}

import scala.collection.JavaConverters._

import org.longform.datasets.tasks.{NeedleCase, NeedleCases, NeedleRequest}
import org.longform.kernels.cache.KvMemory
import org.longform.options.Options
import org.longform.prompt.Task
import org.longform.runtime.LongformRuntime
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** Documents that are read at once with less memory than their keys and values need. */
class KvBudgetSuite extends AnyFunSuite with BeforeAndAfterAll {
  override def afterAll(): Unit = LongformRuntime.shutdown()

  private val options = Options.ofCall(Map("context" -> "reattention", "max_new_tokens" -> "12").asJava)
  private lazy val model = LongformRuntime.model(options)

  private lazy val needles: Seq[NeedleCase] = {
    val card = NeedleRequest.ofCard(2048)
    val request = new NeedleRequest(2048, card.depths(), 1, card.firstArticle())
    new NeedleCases(request, text => 1 + model.tokenizer().count(text).toInt).asScala.toList
  }

  private def read(needle: NeedleCase, memory: KvMemory): Seq[String] = {
    val request = new ReadRequest(
      needle.text(),
      Task.ASK,
      needle.questions().asScala.map(_.fact().question()).asJava,
      needle.id(),
      ReadListener.NONE
    )
    val answers = new SequentialReader(options, _ => model, NoFurtherModels, memory, new ReadCounters)
      .read(request)
      .asScala
    assert(answers.forall(_.error() == null), answers)
    answers.map(_.value()).toList
  }

  test("documents at once whose keys and values exceed the budget stay in it and have the same answers") {
    val alone = needles.map(read(_, KvMemory.UNLIMITED))
    val one = model.decoder().kvBytesPerToken(org.longform.options.CacheOptions.dtypeOf(options)) * 2048
    val directory = Files.createTempDirectory("kv-budget-")
    val memory = new KvMemory(one, directory)
    val threads = Executors.newFixedThreadPool(3)
    try {
      val running = needles.map(needle => threads.submit((() => read(needle, memory)): Callable[Seq[String]]))
      assert(running.map(_.get(300, TimeUnit.SECONDS)) == alone)
    } finally threads.shutdownNow()
    assert(memory.peakMemoryBytes() > one / 2, "nothing was short, so this proves nothing")
    assert(memory.peakMemoryBytes() <= one)
    assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
    assert(directory.toFile.list().isEmpty)
  }
}
