package org.longform.scripts

import org.scalatest.funsuite.AnyFunSuite

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit
import scala.collection.JavaConverters._

/** The scripts in ci/, as somebody meets them who does not know them yet. */
class ScriptsSuite extends AnyFunSuite {
  private val ci = Path.of(System.getProperty("longform.basedir"), "ci")

  // these give their arguments to Java programs, which are asked by their own suites
  private val gives = Set("longform", "bench")

  private val scripts: Seq[String] = {
    val files = Files.list(ci)
    try {
      files.iterator.asScala
        .filter(file => Files.isExecutable(file))
        .map(_.getFileName.toString)
        .filterNot(gives)
        .toSeq
        .sorted
    } finally files.close()
  }

  private case class Ended(code: Int, out: String, err: String, left: Seq[String])

  /** A script that does not end by itself at once has started what it was not asked for. */
  private def run(script: Path, arguments: String*): Ended = {
    val folder = Files.createTempDirectory("scripts")
    val out = Files.createTempFile("scripts", ".out")
    val err = Files.createTempFile("scripts", ".err")
    val process = new ProcessBuilder((script.toString +: arguments).asJava)
      .directory(folder.toFile)
      .redirectOutput(out.toFile)
      .redirectError(err.toFile)
      .start()
    try assert(process.waitFor(30, TimeUnit.SECONDS), s"$script ${arguments.mkString(" ")} does not end")
    finally {
      process.descendants().forEach(child => child.destroyForcibly())
      process.destroyForcibly()
    }
    Ended(
      process.exitValue(),
      Files.readString(out, UTF_8),
      Files.readString(err, UTF_8),
      folder.toFile.list().toSeq
    )
  }

  test("the scripts are found") {
    assert(Set("card", "demo", "docs", "gpu", "native", "notebook", "setup", "test").subsetOf(scripts.toSet))
  }

  for (script <- scripts) {
    test(s"ci/$script says what it does, does nothing else, and refuses what it does not know") {
      val comment =
        Files
          .readAllLines(ci.resolve(script))
          .asScala
          .drop(1)
          .takeWhile(_.startsWith("#"))
          .map(_.stripPrefix("#").stripPrefix(" "))
      assert(comment.nonEmpty)
      for (flag <- Seq("-h", "--help")) {
        assert(run(ci.resolve(script), flag) == Ended(0, comment.mkString("", "\n", "\n"), "", Nil))
      }
      val refused = run(ci.resolve(script), "--no-such")
      assert(refused.code == 2 && refused.out.isEmpty && refused.left.isEmpty, refused)
      assert(
        refused.err == s"Cannot run ci/$script: option '--no-such' is unknown. Leave it out. " +
          s"ci/$script --help says what it does.\n"
      )
    }
  }

  test("a folder with something in it is not replaced") {
    for (script <- Seq("demo", "card")) {
      val folder = Files.createTempDirectory("kept")
      val kept = Files.writeString(folder.resolve("thesis.txt"), "three years")
      val refused = run(ci.resolve(script), folder.toString)
      assert(refused.code == 2)
      assert(refused.err.startsWith(s"Cannot run ci/$script: '$folder' is there already. Name a folder"))
      assert(Files.readString(kept) == "three years")
    }
  }

  test("arguments too many or too few are refused with a sentence") {
    assert(run(ci.resolve("native"), "paging_test").err.contains("'paging_test' is one argument too many."))
    assert(run(ci.resolve("gpu"), "pack").err.contains("Cannot run ci/gpu-pack: no file is named."))
    assert(
      run(ci.resolve("gpu"), "--only", "bench,tea").err.contains("step 'tea' is unknown. Give some of build")
    )
    assert(run(ci.resolve("notebook")).err.contains("Cannot run ci/notebook: no notebook is named."))
    assert(run(ci.resolve("test"), "--spark", "2.4").err.contains("pom.xml has no profile for Spark '2.4'."))
    assert(run(ci.resolve("llama-logits"), "/").err.contains("'/' is no directory of llama.cpp with a build"))
  }

  test("what ci/gpu packs is all it needs elsewhere") {
    val folder = Files.createTempDirectory("packed")
    val packed = folder.resolve("gpu.tgz")
    assert(run(ci.resolve("gpu"), "pack", "--native", packed.toString).code == 0)
    val unpacked = new ProcessBuilder("tar", "-xzf", packed.toString).directory(folder.toFile).start()
    assert(unpacked.waitFor() == 0)
    val there = folder.resolve("ci").resolve("gpu")
    assert(run(there, "--help") == run(ci.resolve("gpu"), "--help"))
    assert(run(there, "--no-such").code == 2)
    assert(Files.exists(folder.resolve("ci").resolve("gpu-report")))
  }
}
