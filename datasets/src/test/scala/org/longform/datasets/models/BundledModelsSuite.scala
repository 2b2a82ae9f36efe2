package org.longform.datasets.models

import java.io.{BufferedReader, ByteArrayInputStream, File, InputStream, InputStreamReader, IOException}
import java.nio.file.{Files, Path}
import java.nio.file.attribute.PosixFilePermissions

import scala.collection.JavaConverters._
import scala.concurrent.{Await, Future}
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.duration._

import com.fasterxml.jackson.databind.ObjectMapper
import org.longform.datasets.models.ModelManifest.{Model, ModelFile}
import org.scalatest.funsuite.AnyFunSuite

class BundledModelsSuite extends AnyFunSuite {

  private val abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

  private def unpack(content: String, bytes: Long, sha256: String): (Path, Either[IOException, Path]) = {
    val parent = Files.createTempDirectory("unpack-")
    val model = new Model("m", "a test", Seq(new ModelFile("file.bin", bytes, sha256)).asJava)
    val unpacker = new ModelUnpacker(_ => if (content == null) null else stream(content))
    val result =
      try Right(unpacker.unpack(model, parent))
      catch { case e: IOException => Left(e) }
    (parent, result)
  }

  private def stream(content: String): InputStream = new ByteArrayInputStream(content.getBytes("UTF-8"))

  test("the bundled model unpacks to a private directory of a Hugging Face model") {
    assert(BundledModels.names.asScala == Seq("longform-tiny"))
    val directory = BundledModels.localDirectory("longform-tiny")
    val files = directory.toFile.list().toSet
    assert(
      files ==
        Set(
          "config.json",
          "generation_config.json",
          "model.safetensors",
          "tokenizer.json",
          "tokenizer_config.json"
        )
    )
    val config = new ObjectMapper().readTree(directory.resolve("config.json").toFile)
    assert(config.get("head_dim").asInt == 32 && config.get("num_attention_heads").asInt == 6)
    val access = Files.getPosixFilePermissions(directory.getParent)
    assert(PosixFilePermissions.toString(access) == "rwx------")
    assert(directory.getParent.toFile.list().toSeq == Seq("longform-tiny"), "no partial directory is left")
  }

  test("all threads of a process get the same directory") {
    val all = Future.sequence((1 to 16).map(_ => Future(BundledModels.localDirectory("longform-tiny"))))
    assert(Await.result(all, 60.seconds).distinct.size == 1)
  }

  test("a model of which a file was removed or cut is unpacked again") {
    val config = BundledModels.localDirectory("longform-tiny").resolve("config.json")
    Files.delete(config)
    assert(Files.size(BundledModels.localDirectory("longform-tiny").resolve("config.json")) == 639)
    Files.write(config, Array[Byte](1, 2, 3))
    assert(Files.size(BundledModels.localDirectory("longform-tiny").resolve("config.json")) == 639)
  }

  test("an unknown model name is refused with the names that are known") {
    val error = intercept[IllegalArgumentException](BundledModels.localDirectory("longform-huge"))
    assert(
      error.getMessage ==
        "Cannot find bundled model 'longform-huge': it is not in this jar (known: longform-tiny). " +
        "Use one of these names."
    )
  }

  test("a damaged jar is reported and leaves nothing behind") {
    def failure(content: String, bytes: Long, sha256: String) = {
      val (parent, result) = unpack(content, bytes, sha256)
      assert(parent.toFile.list().isEmpty)
      result.left.toOption.get.getMessage
    }
    assert(
      failure(null, 3, abc) ==
        "Cannot unpack bundled model 'm': file file.bin is missing (not found). Replace the longform-datasets jar."
    )
    assert(failure("abcd", 3, abc).contains("has the wrong length (4 bytes instead of 3)"))
    assert(failure("abd", 3, abc).contains("has the wrong content (sha256 a52d159f"))
    val (_, intact) = unpack("abc", 3, abc)
    assert(Files.readString(intact.toOption.get.resolve("file.bin")) == "abc")
  }

  private def unpackingProcess(temporary: Path, arguments: String*): Process = {
    val java = new File(System.getProperty("java.home"), "bin/java").getPath
    val classes =
      Seq(classOf[PrintDirectory], classOf[BundledModels], classOf[ObjectMapper], classOf[Option[_]]) ++
        Seq("core.JsonParser", "annotation.JsonProperty").map(n =>
          Class.forName("com.fasterxml.jackson." + n)
        )
    val classpath =
      classes.map(c => new File(c.getProtectionDomain.getCodeSource.getLocation.toURI).getPath)
    val command = Seq(
      java,
      s"-Djava.io.tmpdir=$temporary",
      "-cp",
      classpath.mkString(File.pathSeparator),
      classOf[PrintDirectory].getName
    ) ++ arguments
    new ProcessBuilder(command: _*).redirectErrorStream(true).start()
  }

  /** The model's directory; the process may go on. */
  private def printed(process: Process): Path = {
    val line = new BufferedReader(new InputStreamReader(process.getInputStream)).readLine()
    assert(line != null && line.endsWith("longform-tiny"), line)
    Path.of(line)
  }

  test("the directory is deleted when its process ends") {
    val temporary = Files.createTempDirectory("ends-")
    val child = unpackingProcess(temporary)
    printed(child)
    assert(child.waitFor() == 0 && temporary.toFile.list().isEmpty)
  }

  test("the directory of a killed process is deleted when the next one starts, that of a live one is not") {
    val temporary = Files.createTempDirectory("killed-")
    val killed = unpackingProcess(temporary, "wait")
    val live = unpackingProcess(temporary, "wait")
    try {
      val left = printed(killed)
      val kept = printed(live)
      killed.destroyForcibly().waitFor()
      assert(Files.exists(left.resolve("config.json")), "nothing can clean up behind kill -9")
      val next = unpackingProcess(temporary)
      printed(next)
      assert(next.waitFor() == 0)
      assert(Files.notExists(left.getParent))
      assert(Files.exists(kept.resolve("config.json")))
      val names = temporary.toFile.list().sorted.toSeq
      assert(names == Seq(kept.getParent.getFileName.toString, kept.getParent.getFileName.toString + ".lock"))
    } finally Seq(killed, live).foreach(_.destroyForcibly())
  }

  test("a process does not remove what it holds itself, through whichever class loader") {
    val directory = BundledModels.localDirectory("longform-tiny")
    val parent = directory.getParent.getParent
    ProcessDirectory.removeDead(parent, "longform-models-")
    val child = unpackingProcess(parent)
    printed(child)
    assert(child.waitFor() == 0)
    assert(Files.exists(directory.resolve("config.json")), "the lock was lost")
  }
}
