package org.longform.spark.job

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8

/** How a command of the job ended that ran in this process, and what it wrote. */
case class RanCommand(code: Int, out: String, err: String)

object RanCommand {
  def of(readers: ReaderSource, arguments: String*): RanCommand = {
    val out = new ByteArrayOutputStream
    val err = new ByteArrayOutputStream
    val context =
      new CommandContext(readers, new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8))
    val code = LongformJob.run(arguments.toArray, context)
    RanCommand(code, out.toString(UTF_8), err.toString(UTF_8))
  }

  /** Of a command for which no model is loaded. */
  def of(arguments: String*): RanCommand = of(new FakeReaders, arguments: _*)
}
