package org.longform.decoding

import java.nio.file.attribute.FileTime
import java.nio.file.{Files, Path, StandardCopyOption}

import scala.util.Random

import org.longform.kernels.device.Devices
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.Decoder
import org.longform.kernels.tensor.Memory
import org.scalatest.funsuite.AnyFunSuite

/** A small model that writes from what a large one understood, with projectors whose effect is known. */
class LlmToSlmSuite extends AnyFunSuite {
  private val Vocabulary = 30
  private val Small = 16
  private val Large = 32
  private val kernels = new ReferenceDevice().open(1)
  private val prompt: Seq[Int] = {
    val random = new Random(1)
    Seq.fill(90)(random.nextInt(Vocabulary))
  }

  private def projector(
      inputs: Int,
      inner: Int,
      outputs: Int,
      first: (Int, Int) => Float,
      second: (Int, Int) => Float,
      prefix: String = ""
  ): Path = {
    val directory = Files.createTempDirectory("projector")
    TinyDecoder.safetensors(
      directory.resolve("model.safetensors"),
      Seq(
        (
          prefix + "0.weight",
          Seq(inner, inputs),
          for (o <- 0 until inner; i <- 0 until inputs) yield first(o, i)
        ),
        (prefix + "0.bias", Seq(inner), Seq.fill(inner)(0f)),
        (
          prefix + "2.weight",
          Seq(outputs, inner),
          for (o <- 0 until outputs; i <- 0 until inner) yield second(o, i)
        ),
        (prefix + "2.bias", Seq(outputs), Seq.fill(outputs)(0f))
      )
    )
    directory
  }

  private def zero: Path = projector(Large, 24, Small, (_, _) => 0f, (_, _) => 0f)

  /** h = relu(h) - relu(-h) */
  private def identity(width: Int): Path =
    projector(
      width,
      2 * width,
      width,
      (o, i) => if (o == i) 1f else if (o == i + width) -1f else 0f,
      (o, i) => if (o == i) 1f else if (i == o + width) -1f else 0f
    )

  private def random(seed: Long, prefix: String = ""): Path = {
    val random = new Random(seed)
    projector(
      Large,
      24,
      Small,
      (_, _) => random.nextGaussian().toFloat / 4,
      (_, _) => random.nextGaussian().toFloat / 4,
      prefix
    )
  }

  private def withModels[A](body: (Decoder, Decoder) => A): A = {
    val small = TinyDecoder.random(kernels, Vocabulary, Small, 2, layers = 1)
    val large = TinyDecoder.random(kernels, Vocabulary, Large, 3, layers = 3)
    try body(small, large)
    finally Seq(small, large).foreach(_.close())
  }

  private def plain(small: Decoder, context: String = "full"): Seq[Int] =
    new Answers(small, "plain", context = context).write(prompt, 20, Answers.greedy).head.tokens

  private def written(
      small: Decoder,
      large: Decoder,
      files: Path,
      parameters: Map[String, String] = Map.empty,
      context: String = "full",
      contextParameters: Map[String, String] = Map.empty
  ): Seq[Int] =
    new Answers(small, "llm-to-slm", parameters, context, contextParameters, Some(large), Some(files))
      .write(prompt, 20, Answers.greedy)
      .head
      .tokens

  test("a projector of zeros that is added leaves the small model alone, under every context") {
    withModels { (small, large) =>
      for (context <- Seq("full", "streaming", "lm-infinite", "reattention"))
        assert(written(small, large, zero, context = context) == plain(small, context), context)
    }
  }

  test("the small model's own embeddings in place of its tokens leave it alone") {
    withModels { (small, _) =>
      val parameters = Map("projector-fusion" -> "replace", "large-layer" -> "0")
      assert(written(small, small, identity(Small), parameters) == plain(small))
      // and with their parts in another order they do not
      val turned = projector(
        Small,
        2 * Small,
        Small,
        (o, i) => if (o == i) 1f else if (o == i + Small) -1f else 0f,
        (o, i) => if ((o + 1) % Small == i) 1f else if (i == (o + 1) % Small + Small) -1f else 0f
      )
      assert(written(small, small, turned, parameters) != plain(small))
    }
  }

  test("what the small model reads does not depend on how either text is cut into blocks") {
    withModels { (small, large) =>
      for (layer <- Seq("-1", "1"); fusion <- Seq("add", "replace")) {
        val parameters = Map("large-layer" -> layer, "projector-fusion" -> fusion)
        val answers = Seq("1", "7", "64", "128").map(size =>
          written(small, large, random(5), parameters, contextParameters = Map("chunk-size" -> size))
        )
        assert(answers.distinct.size == 1, s"$layer $fusion")
        assert(answers.head != plain(small))
        // the same prompt again, and another name for the same tensors
        assert(written(small, large, random(5, "projector."), parameters) == answers.head)
        assert(written(small, large, random(6), parameters) != answers.head)
      }
    }
  }

  test("the large model reads the prompt once, writes nothing, and its keys and values are gone by then") {
    withModels { (small, large) =>
      val files = random(5)
      val by = new Answers(small, "llm-to-slm", Map.empty, further = Some(large), files = Some(files))
      by.write(prompt, 1, Answers.greedy)
      val before = Memory.allocatedBytes()
      // several answers from one reading
      val answers = by.write(prompt, 15, Answers.greedy, Answers.greedy)
      assert(answers(0).tokens == answers(1).tokens && answers.forall(_.steps.forall(_ == 1)))
      assert(large.batcher().tokens() == 0 && small.batcher().tokens() == 28)
      assert(Memory.allocatedBytes() == before)
    }
  }

  test(
    "a projector is loaded once for all documents, anew where its file changed, and freed with the model"
  ) {
    val before = Memory.allocatedBytes()
    withModels { (small, large) =>
      val files = random(5)
      val first = written(small, large, files)
      val loaded = Memory.allocatedBytes()
      assert(written(small, large, files) == first && Memory.allocatedBytes() == loaded)
      val other = random(6)
      val second = written(small, large, other)
      assert(second != first && Memory.allocatedBytes() > loaded)
      val changed = files.resolve("model.safetensors")
      Files.copy(other.resolve("model.safetensors"), changed, StandardCopyOption.REPLACE_EXISTING)
      Files.setLastModifiedTime(changed, FileTime.fromMillis(1000))
      assert(written(small, large, files) == second)
    }
    assert(Memory.allocatedBytes() == before)
  }

  test("a projector of other widths, without a part, or that is no file at all is refused with a sentence") {
    withModels { (small, large) =>
      val before = Memory.allocatedBytes()
      def refusal(files: Path, parameters: Map[String, String] = Map.empty): String = {
        val error = intercept[LongformException](written(small, large, files, parameters))
        assert(Set(ErrorClass.INVALID_MODEL, ErrorClass.INVALID_OPTION).contains(error.errorClass()))
        error.getMessage
      }
      assert(refusal(identity(Small)).contains("0.weight"))
      assert(refusal(projector(Large, 24, Large, (_, _) => 0f, (_, _) => 0f)).contains("2.weight"))
      val directory = Files.createTempDirectory("projector")
      assert(refusal(directory).contains("model.safetensors"))
      TinyDecoder.safetensors(directory.resolve("model.safetensors"), Seq(("weight", Seq(2), Seq(1f, 2f))))
      assert(refusal(directory).contains("it has no tensor 0.weight"))
      TinyDecoder.safetensors(directory.resolve("model.safetensors"), Seq(("0.weight", Seq(2), Seq(1f, 2f))))
      assert(refusal(directory).contains("0.weight must be a matrix"))
      Files.write(directory.resolve("model.safetensors"), Array.fill[Byte](40)(-1))
      refusal(directory)
      assert(Memory.allocatedBytes() == before)
      assert(refusal(zero, Map("large-layer" -> "9")).startsWith("Cannot export hidden states after layer 9"))
    }
  }

  test("it works on every device, with the same answer") {
    val answers = for {
      provider <- Seq("reference", "nd4j", "cpu").map(name =>
        Devices.ALL.stream().filter(_.name() == name).findFirst().get
      )
      if !provider.whyUnavailable().isPresent
    } yield {
      val own = provider.open(2)
      val small = TinyDecoder.random(own, Vocabulary, Small, 2, layers = 1)
      val large = TinyDecoder.random(own, Vocabulary, Large, 3, layers = 3)
      try written(small, large, random(5))
      finally Seq(small, large).foreach(_.close())
    }
    assert(answers.size >= 2 && answers.distinct.size == 1)
  }
}
