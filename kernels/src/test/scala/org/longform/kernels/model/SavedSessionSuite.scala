package org.longform.kernels.model

import java.io._
import java.nio.ByteBuffer
import java.util.{Map => JMap}

import org.longform.kernels.cache.{KvDType, KvMemory}
import org.longform.kernels.context.{ContextStrategies, ContextStrategy}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.Memory
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** A session that is saved in the middle of a document and gone on with elsewhere. */
class SavedSessionSuite extends AnyFunSuite {
  private val model = TinyModel(window = 64, layers = 2, seed = 31)
  private val document = tokens(400, model.vocabulary, 31)
  private val question = Array(4, 8, 15, 16, 23, 42)
  private val resumable: Seq[(String, JMap[String, String])] = Seq(
    "streaming" -> JMap.of(),
    "streaming" -> JMap.of("chunk-size", "7", "local-size", "20"),
    "lm-infinite" -> JMap.of(),
    "lm-infinite" -> JMap.of("global-size", "0", "local-size", "33", "chunk-size", "50")
  )

  private def strategy(decoder: Decoder, name: String, values: JMap[String, String]): ContextStrategy =
    ContextStrategies.create(name, values, decoder.limits())

  private def saved(session: Session): Array[Byte] = {
    val bytes = new ByteArrayOutputStream
    session.save(new DataOutputStream(bytes))
    bytes.toByteArray
  }

  private def input(bytes: Array[Byte]): DataInputStream =
    new DataInputStream(new ByteArrayInputStream(bytes))

  private def answer(session: Session): (List[Float], SessionStats) = {
    session.ask(question)
    session.step(9)
    (session.logits().toList, session.stats())
  }

  for {
    (name, values) <- resumable
    dtype <- KvDType.values
  } test(s"$name $values goes on elsewhere as if nothing had happened, keys and values as $dtype") {
    withDecoder(model) { decoder =>
      val options = SessionOptions.DEFAULT.withKvDType(dtype)
      val undisturbed = decoder.open(strategy(decoder, name, values), options)
      val expected =
        try {
          undisturbed.feed(document, 0, document.length)
          answer(undisturbed)
        } finally undisturbed.close()
      for (cut <- Seq(1, 60, 129, 257, 399)) {
        val before = decoder.open(strategy(decoder, name, values), options)
        val bytes =
          try {
            before.feed(document, 0, cut)
            saved(before)
          } finally before.close()
        val after = decoder.resume(strategy(decoder, name, values), options, input(bytes))
        try {
          assert(after.length() + after.pendingTokens() === cut)
          after.feed(document, cut, document.length - cut)
          assert(answer(after) === expected)
        } finally after.close()
      }
    }
  }

  test("rows that lie on disk are saved as well as those in memory") {
    TempDirectory.use { directory =>
      withDecoder(model) { decoder =>
        val values = JMap.of("local-size", "60", "chunk-size", "130")
        def read(options: SessionOptions): (List[Float], SessionStats) = {
          val session = decoder.open(strategy(decoder, "lm-infinite", values), options)
          try {
            session.feed(document, 0, 300)
            val rest = decoder.resume(
              strategy(decoder, "lm-infinite", values),
              SessionOptions.DEFAULT,
              input(saved(session))
            )
            try {
              rest.feed(document, 300, 100)
              answer(rest)
            } finally rest.close()
          } finally session.close()
        }
        val small = SessionOptions.DEFAULT.withKvMemory(new KvMemory(0, directory))
        assert(read(small)._1 === read(SessionOptions.DEFAULT)._1)
      }
    }
  }

  private def refusal(body: => Any): String = {
    val error = intercept[LongformException](body)
    assert(error.errorClass === ErrorClass.INVALID_INPUT)
    error.getMessage
  }

  test("what remembers the whole document, or was asked already, is not saved") {
    withDecoder(model) { decoder =>
      for {
        (name, values) <- Seq[(String, JMap[String, String])](
          "full" -> JMap.of(),
          "reattention" -> JMap.of(),
          "lm-infinite" -> JMap.of("top-k-middle", "4", "top-k-from-layer", "0")
        )
      } withSession(decoder, strategy(decoder, name, values)) { session =>
        session.feed(document, 0, 100)
        assert(
          refusal(saved(session)) ===
            "Cannot save the session: its strategy does not allow to go on elsewhere."
        )
      }
      withSession(decoder, strategy(decoder, "streaming", JMap.of())) { session =>
        session.ask(question)
        assert(
          refusal(saved(session)) ===
            "Cannot save the session: the document was read to its end. Save it before the question."
        )
      }
    }
  }

  test("a saved session that is cut short or does not fit is refused and leaves no memory behind") {
    withDecoder(model) { decoder =>
      val bytes = withSession(decoder, strategy(decoder, "lm-infinite", JMap.of())) { session =>
        session.feed(document, 0, 150)
        saved(session)
      }
      def resume(
          changed: Array[Byte],
          options: SessionOptions = SessionOptions.DEFAULT,
          name: String = "lm-infinite"
      ): Unit =
        decoder.resume(strategy(decoder, name, JMap.of()), options, input(changed)).close()
      // ints and longs at their places, with what must not be believed
      def changed(write: ByteBuffer => Any): Array[Byte] = {
        val copy = bytes.clone()
        write(ByteBuffer.wrap(copy))
        copy
      }
      resume(bytes)
      val before = Memory.allocatedBytes()
      for (length <- bytes.indices by 97) {
        intercept[EOFException](resume(bytes.take(length)))
      }
      val keepsNot = "Cannot go on with the saved session: "
      assert(refusal(resume(changed(_.putInt(0, 3)))).startsWith(keepsNot + "it has 3 layers, not 2."))
      assert(
        refusal(resume(changed(_.putInt(4, 7))))
          .startsWith(keepsNot + "its keys and values are KvShape[layers=2, kvHeads=[7, ")
      )
      assert(refusal(resume(changed(_.putInt(16, 99)))).startsWith(keepsNot + "its data type is number 99."))
      assert(refusal(resume(changed(_.putLong(20, -1)))).startsWith(keepsNot + "it has -1 tokens."))
      assert(
        refusal(resume(changed(_.putLong(20, Long.MaxValue))))
          .startsWith(keepsNot + "the strategy would not keep ")
      )
      // two ranges: the first begins at 72
      assert(refusal(resume(changed(_.putLong(72, -5)))).contains("it keeps rows -5 to "))
      assert(
        refusal(resume(changed(_.putLong(80, Long.MaxValue))))
          .contains("it keeps rows 0 to 9223372036854775807.")
      )
      intercept[Exception](resume(changed(_.putInt(68, Int.MaxValue))))
      assert(refusal(resume(changed(_.putInt(104, Int.MaxValue)))).contains("its hidden size is 2147483647."))
      val pendingAt = 108 + 4 * decoder.spec().hidden()
      assert(
        refusal(resume(changed(_.putInt(pendingAt, Int.MaxValue)))).contains("2147483647 tokens are pending.")
      )
      assert(
        refusal(resume(changed(_.putInt(pendingAt + 4, -1)))).contains("token -1 is not in the vocabulary.")
      )
      val rounded = SessionOptions.DEFAULT.withKvDType(KvDType.Q8)
      assert(refusal(resume(bytes, rounded)).contains("dtype=F32], not KvShape["))
      assert(refusal(resume(bytes, name = "streaming")).contains("the strategy would not keep "))
      assert(Memory.allocatedBytes() === before)
    }
  }
}
