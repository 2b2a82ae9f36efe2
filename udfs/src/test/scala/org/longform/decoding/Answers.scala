package org.longform.decoding

import java.nio.file.Path

import scala.collection.JavaConverters._
import scala.collection.mutable

import org.longform.generate.{Sampler, SamplingParameters}
import org.longform.kernels.context.{ContextStrategies, ContextStrategy}
import org.longform.kernels.model.{Decoder, DecodeStep, Session, SessionOptions}

/** Answers of a model, as ids, and how they came about.
  *
  * @param tokens
  *   what was written
  * @param steps
  *   passes of the writing model for this answer, in rows
  */
final case class Written(tokens: Seq[Int], steps: Seq[Int])

/** Writes with one strategy from one model. */
final class Answers(
    writer: Decoder,
    name: String,
    parameters: Map[String, String] = Map.empty,
    context: String = "full",
    contextParameters: Map[String, String] = Map.empty,
    further: Option[Decoder] = None,
    files: Option[Path] = None,
    endTokens: Set[Int] = Set.empty
) {
  private val strategy = DecodingStrategies.byName(name)

  private def contextOf(decoder: Decoder): ContextStrategy =
    ContextStrategies.create(context, contextParameters.asJava, decoder.limits())

  private object models extends DecodingSetup.Models {
    override def decoder(parameter: String): Decoder = further.get
    override def files(parameter: String): Path = Answers.this.files.get
    override def context(decoder: Decoder): ContextStrategy = contextOf(decoder)
  }

  private def open(): Decoding = {
    val values = DecodingStrategies.values(strategy, parameters.asJava, writer.limits())
    val ends = endTokens.map(Integer.valueOf).asJava
    strategy.open(new DecodingSetup(values, writer, ends, models, SessionOptions.DEFAULT))
  }

  /** Reads a prompt once and writes an answer for each chooser. */
  def write(prompt: Seq[Int], most: Int, choosers: Sampler*): Seq[Written] = {
    val session = writer.open(contextOf(writer))
    try {
      val decoding = open()
      try {
        // fed in pieces that no block knows of
        val (document, question) = prompt.splitAt(prompt.size - 3)
        document.grouped(11).foreach(piece => decoding.feed(session, piece.toArray, 0, piece.size))
        choosers.map { chooser =>
          val fork = session.fork()
          val forked = decoding.fork(fork)
          try {
            forked.ask(fork, question.toArray)
            answer(fork, forked, most, chooser)
          } finally {
            forked.close()
            fork.close()
          }
        }
      } finally decoding.close()
    } finally session.close()
  }

  private def answer(session: Session, decoding: Decoding, most: Int, chooser: Sampler): Written = {
    val tokens = mutable.Buffer[Int]()
    val steps = mutable.Buffer[Int]()
    val guesser = decoding.guesser()
    def done: Boolean = tokens.size == most || endTokens.contains(tokens.last)
    try {
      tokens += chooser.next(session.logits())
      while (!done) {
        val tree = guesser.guess(tokens.last, most - tokens.size, chooser)
        assert(tree.token(0) == tokens.last)
        val step = new DecodeStep(session, tree)
        writer.batcher().read(Seq(step).asJava)
        steps += tree.size()
        guesser.read(tree, row => step.logits(row))
        var row = 0
        var more = true
        while (more) {
          tokens += guesser.choose(tree, row, step.logits(row), chooser)
          val right = tree.child(row, tokens.last)
          more = !done && right.isPresent
          if (more) {
            row = right.getAsInt
            step.accept(row)
            guesser.accepted(row)
          }
        }
        step.settle()
      }
    } finally guesser.close()
    Written(tokens.toList, steps.toList)
  }
}

object Answers {
  def greedy: Sampler = sampler(0, 0)

  def sampler(temperature: Double, seed: Long, topK: Int = 0, penalty: Double = 1): Sampler =
    new Sampler(
      new SamplingParameters(1, temperature, 1.0, topK, 0.0, penalty, java.util.List.of(), seed),
      seed * 7919 + 13
    )
}
