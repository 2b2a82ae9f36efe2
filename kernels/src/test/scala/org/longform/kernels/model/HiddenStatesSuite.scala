package org.longform.kernels.model

import scala.collection.mutable

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.scalatest.funsuite.AnyFunSuite

/** Hidden states that leave a session, and embeddings that enter one. */
class HiddenStatesSuite extends AnyFunSuite {
  private val model = TinyModel(seed = 31)
  private val document = tokens(45, model.vocabulary, 31)

  /** Every row that is exported, by its index. */
  private def exported(decoder: Decoder, layers: Int, chunk: Int, cut: Int): Seq[Seq[Float]] =
    withSession(decoder, full(decoder, chunk)) { session =>
      val rows = mutable.Map[Long, Seq[Float]]()
      session.exportHidden(
        layers,
        (first, states) =>
          states.grouped(model.hidden).zipWithIndex.foreach { case (row, i) =>
            assert(rows.put(first + i, row.toSeq).isEmpty)
          }
      )
      session.feed(document, 0, cut)
      session.ask(document.drop(cut))
      // generated tokens are not part of the prompt
      session.step(3)
      assert(rows.keySet == (0L until document.length.toLong).toSet)
      rows.toSeq.sortBy(_._1).map(_._2)
    }

  private def dot(name: String, row: Int, state: Seq[Float]): Double =
    (0 until model.hidden).map(i => model.weights(name)(row * model.hidden + i) * state(i)).sum

  test("states before the first layer are the embeddings, and those behind the last give the logits") {
    withDecoder(model) { decoder =>
      val embeddings = exported(decoder, 0, 16, 30)
      for ((state, id) <- embeddings.zip(document))
        assert(
          state == (0 until model.hidden).map(i =>
            model.weights("model.embed_tokens.weight")(id * model.hidden + i).toFloat
          )
        )
      val last = exported(decoder, model.layers, 16, 30)
      val expected =
        new NaiveDecoder(model, NaiveDecoder.plainFrequencies(model.headDim)).logits(document.toSeq)
      for ((state, row) <- last.zipWithIndex) {
        val logits = (0 until model.vocabulary).map(id => dot("lm_head.weight", id, state).toFloat).toArray
        assert(difference(logits, expected(row)) < 1e-4, s"token $row")
      }
    }
  }

  test("states do not depend on how the text is cut into blocks") {
    withDecoder(model) { decoder =>
      for (layers <- 0 to model.layers) {
        val whole = exported(decoder, layers, 64, 45)
        for ((chunk, cut) <- Seq((1, 20), (7, 33), (16, 0)))
          for ((a, b) <- whole.zip(exported(decoder, layers, chunk, cut)))
            assert(difference(a.toArray, b.map(_.toDouble).toArray) < 1e-5)
      }
    }
  }

  test("embeddings that are put in place of tokens are read as if they were those tokens") {
    withDecoder(model) { decoder =>
      val other = tokens(45, model.vocabulary, 32)
      def read(ids: Array[Int], change: Session => Unit): Seq[Float] =
        withSession(decoder, full(decoder, 16)) { session =>
          change(session)
          session.feed(ids, 0, 40)
          session.ask(ids.drop(40))
          session.step(9)
          session.logits().toSeq
        }
      val expected = read(document, _ => ())
      val changed = read(
        other,
        _.changeEmbeddings((first, embeddings) =>
          for (t <- 0 until embeddings.rows().toInt) {
            val id = document((first + t).toInt)
            embeddings.write(
              t.toLong * model.hidden,
              Array.tabulate(model.hidden)(i =>
                model.weights("model.embed_tokens.weight")(id * model.hidden + i).toFloat
              )
            )
          }
        )
      )
      assert(changed == expected)
      assert(read(other, _ => ()) != expected)
    }
  }

  test("a change that fails takes its block back, and the block can be read again") {
    withDecoder(model) { decoder =>
      withSession(decoder, full(decoder, 16)) { session =>
        var fails = true
        session.changeEmbeddings((_, _) => if (fails) throw new IllegalStateException("not yet"))
        assert(intercept[IllegalStateException](session.feed(document, 0, 16)).getMessage == "not yet")
        assert(session.length() == 0 && session.pendingTokens() == 16)
        fails = false
        session.flush()
        assert(session.length() == 16)
      }
    }
  }

  test("a layer that the model does not have is refused") {
    withDecoder(model) { decoder =>
      withSession(decoder, full(decoder, 16)) { session =>
        val error = intercept[LongformException](session.exportHidden(model.layers + 1, (_, _) => ()))
        assert(error.errorClass() == ErrorClass.INVALID_OPTION)
        assert(
          error.getMessage ==
            "Cannot export hidden states after layer 4: the model has 3 layers. Choose one from 0 to 3."
        )
      }
    }
  }
}
