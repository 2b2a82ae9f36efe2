package org.longform.models

import java.nio.file.Files
import java.util.Optional

import scala.collection.JavaConverters._

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

class AllowedModelsSuite extends AnyFunSuite {
  private def allows(name: String, roots: String*): Boolean =
    try {
      AllowedModels.require(name, Optional.of(roots.asJava))
      true
    } catch {
      case e: LongformException =>
        assert(e.errorClass() == ErrorClass.INVALID_OPTION)
        assert(
          e.getMessage.startsWith(s"Cannot use model '$name': this application allows only its own model")
        )
        false
    }

  test("without a list any model will do, with one only what is under it and what is bundled") {
    AllowedModels.require("/anywhere", Optional.empty())
    assert(allows("longform-tiny") && !allows("/models/a"))
    assert(allows("/models/a", "/models") && allows("/models", "/models") && allows("/m/x.gguf", "/m/x.gguf"))
    assert(!allows("/models2/a", "/models") && !allows("/models/../etc/a", "/models"))
    assert(allows("file:/models/a", "/models") && !allows("hdfs://nn/models/a", "/models"))
  }

  test("addresses are compared part by part") {
    assert(allows("hdfs://nn:8020/models/a", "hdfs://nn:8020/models"))
    assert(allows("hdfs://nn:8020//models//a/", "hdfs://nn:8020/models/"))
    assert(!allows("hdfs://nn:8020/models2/a", "hdfs://nn:8020/models"))
    assert(!allows("hdfs://other:8020/models/a", "hdfs://nn:8020/models"))
    assert(!allows("hdfs://nn:8020/models/../secret", "hdfs://nn:8020/models"))
    assert(!allows("hdfs://nn:8020/../models/a", "hdfs://nn:8020/models"))
    assert(!allows("s3a://bucket/models", "hdfs://bucket/models"))
  }

  test("a link out of an allowed directory is not allowed") {
    val folder = Files.createTempDirectory("allowed-").toRealPath()
    val inside = Files.createDirectories(folder.resolve("models"))
    val outside = Files.createDirectories(folder.resolve("private"))
    val link = Files.createSymbolicLink(inside.resolve("link"), outside)
    assert(allows(inside.resolve("m").toString, inside.toString))
    assert(!allows(link.toString, inside.toString))
  }

  test("a password in an address is refused without being shown") {
    Seq(
      "s3a://AKIA123:very/secret@bucket/model" -> "s3a://AKIA123:***@bucket/model",
      "abfss://c@a.net/m?sig=topsecret&x=1" -> "abfss://c@a.net/m?sig=***&x=1"
    ).foreach { case (name, shown) =>
      val refused = intercept[LongformException](AllowedModels.require(name, Optional.empty()))
      assert(
        refused.getMessage == s"Cannot use model '$shown': its address has a password in it, which logs and " +
          "tables would show. Give credentials in the Hadoop configuration."
      )
    }
    AllowedModels.require("hdfs://nn:8020/models/a@b", Optional.empty())
    AllowedModels.require("abfss://container@account.dfs.core.windows.net/m", Optional.empty())
  }
}
