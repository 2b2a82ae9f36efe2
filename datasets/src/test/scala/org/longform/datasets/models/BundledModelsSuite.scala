package org.longform.datasets.models

import java.io.{ByteArrayInputStream, File, InputStream, IOException}
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
      result.left.get.getMessage
    }
    assert(
      failure(null, 3, abc) ==
        "Cannot unpack bundled model 'm': file file.bin is missing (not found). Replace the longform-datasets jar."
    )
    assert(failure("abcd", 3, abc).contains("has the wrong length (4 bytes instead of 3)"))
    assert(failure("abd", 3, abc).contains("has the wrong content (sha256 a52d159f"))
    val (_, intact) = unpack("abc", 3, abc)
    assert(Files.readString(intact.right.get.resolve("file.bin")) == "abc")
  }

  test("the directory is deleted when its process ends") {
    val java = new File(System.getProperty("java.home"), "bin/java").getPath
    val classpath =
      Seq(classOf[PrintDirectory], classOf[BundledModels], classOf[ObjectMapper], classOf[Option[_]])
        .map(c => new File(c.getProtectionDomain.getCodeSource.getLocation.toURI).getPath)
    val jackson = Seq("core.JsonParser", "annotation.JsonProperty")
      .map(name => Class.forName("com.fasterxml.jackson." + name))
      .map(c => new File(c.getProtectionDomain.getCodeSource.getLocation.toURI).getPath)
    val child = new ProcessBuilder(
      java,
      "-cp",
      (classpath ++ jackson).mkString(File.pathSeparator),
      classOf[PrintDirectory].getName
    ).redirectErrorStream(true).start()
    val output = scala.io.Source.fromInputStream(child.getInputStream).mkString.trim
    assert(child.waitFor() == 0, output)
    assert(output.endsWith("longform-tiny") && Files.notExists(Path.of(output).getParent), output)
  }
}
