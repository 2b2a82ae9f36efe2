package org.longform.kernels.model

import org.longform.kernels.cache.KvDType
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.Memory
import org.longform.kernels.weights.TempDirectory
import org.longform.kernels.model.SessionFixtures._
import org.scalatest.funsuite.AnyFunSuite

class DecoderSuite extends AnyFunSuite {

  private val models = Seq(
    "grouped queries, untied, heads wider than the stream" -> TinyModel(),
    "one key head, tied, BF16" -> TinyModel(kvHeads = 1, tied = true, dtype = "BF16", seed = 2),
    "a key head for each query head, biases, F16" ->
      TinyModel(kvHeads = 4, headDim = 6, biases = true, dtype = "F16", seed = 3),
    "three shards, tied with biases" -> TinyModel(shards = 3, tied = true, biases = true, seed = 4),
    "one layer" -> TinyModel(layers = 1, seed = 5)
  )

  for ((what, model) <- models)
    test(s"logits equal those of the naive decoder: $what") {
      val ids = tokens(23, model.vocabulary, model.seed)
      val expected = new NaiveDecoder(model, NaiveDecoder.plainFrequencies(model.headDim)).logits(ids.toSeq)
      withDecoder(model) { decoder =>
        withSession(decoder, full(decoder, 7)) { session =>
          for (t <- ids.indices) {
            session.step(ids(t))
            assert(difference(session.logits(), expected(t)) < 1e-5)
          }
        }
        withSession(decoder, full(decoder, 7)) { session =>
          session.feed(ids, 0, ids.length)
          session.flush()
          assert(difference(session.logits(), expected.last) < 1e-5)
        }
      }
    }

  test("scaled positions reach the logits") {
    val scaling =
      ""","rope_scaling":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":16}"""
    val model = TinyModel(rope = scaling, seed = 6)
    val ids = tokens(30, model.vocabulary, 6)
    val expected = new NaiveDecoder(
      model,
      NaiveRope.yarn(model.headDim, 10000, 4, 16, 32, 1, truncate = true),
      0.1 * math.log(4) + 1
    ).logits(ids.toSeq)
    withDecoder(model) { decoder =>
      assert(decoder.limits().trainedWindow() === 16)
      withSession(decoder, full(decoder, 8)) { session =>
        session.feed(ids, 0, ids.length)
        session.flush()
        assert(difference(session.logits(), expected.last) < 1e-5)
      }
    }
  }

  test("dynamic scaling of a text read as one block is that of its length") {
    val model = TinyModel(rope = ""","rope_scaling":{"type":"dynamic","factor":2.0}""", window = 10, seed = 7)
    val ids = tokens(30, model.vocabulary, 7)
    val expected =
      new NaiveDecoder(model, NaiveRope.dynamic(model.headDim, 10000, 2, 10, 30)).logits(ids.toSeq)
    withDecoder(model) { decoder =>
      withSession(decoder, full(decoder, 64)) { session =>
        session.feed(ids, 0, ids.length)
        session.flush()
        assert(difference(session.logits(), expected.last) < 1e-5)
      }
    }
  }

  test("a model tells its sizes") {
    val model = TinyModel()
    withDecoder(model) { decoder =>
      assert(decoder.limits().trainedWindow() === 64)
      assert(decoder.limits().layers() === 3)
      assert(decoder.kvBytesPerToken(KvDType.F32) === 3 * 2 * 8 * 2 * 4)
      assert(decoder.mappedBytes() === model.weights.values.map(_.length * 4L).sum)
      assert(decoder.ownedBytes() === 0)
    }
  }

  test("a model whose weights do not fit its config is refused by name") {
    def refusal(written: TinyModel, config: TinyModel): String = TempDirectory.use { directory =>
      written.write(directory)
      java.nio.file.Files.writeString(directory.resolve("config.json"), config.configJson)
      val error =
        intercept[LongformException](
          Decoder.load(directory, new org.longform.kernels.device.reference.ReferenceDevice().open(1))
        )
      assert(error.errorClass === ErrorClass.INVALID_MODEL)
      error.getMessage
    }
    val model = TinyModel()
    assert(
      refusal(model, model.copy(vocabulary = 51))
        .contains("tensor 'model.embed_tokens.weight' has shape [50, 24], expected [51, 24]")
    )
    assert(
      refusal(model, model.copy(layers = 4))
        .matches("(?s).*tensor 'model\\.layers\\.3\\.\\w+_layernorm\\.weight' \\[24\\] is missing.*")
    )
    assert(refusal(model.copy(tied = true), model).contains("tensor 'lm_head.weight' [50, 24] is missing"))
    assert(
      refusal(model, model.copy(biases = true))
        .contains("tensor 'model.layers.0.self_attn.q_proj.bias' [32] is missing")
    )
  }

  test("weights stay until the last session is closed, and then nothing is left") {
    TempDirectory.use { directory =>
      val before = Memory.allocatedBytes()
      val decoder =
        Decoder.load(
          TinyModel().write(directory),
          new org.longform.kernels.device.reference.ReferenceDevice().open(1)
        )
      val session = decoder.open(full(decoder, 4))
      session.feed(tokens(10, 50, 1), 0, 10)
      assert(Memory.allocatedBytes() > before)
      decoder.close()
      decoder.close()
      session.flush()
      assert(session.logits().length === 50)
      val fork = intercept[LongformException](decoder.open(full(decoder, 4)))
      assert(fork.getMessage.contains("the model is closed"))
      session.close()
      session.close()
      assert(Memory.allocatedBytes() === before)
    }
  }
}
