package org.longform.spark

import java.util.Optional

import scala.sys.process._

import org.scalatest.funsuite.AnyFunSuite

class AssignedCardSuite extends AnyFunSuite {
  private def number(address: String, visible: String*) =
    AssignedCard.number(address, Optional.ofNullable(visible.headOption.orNull))

  test("the card that Spark assigned is the one of its address") {
    assert(number("3") == "3")
    assert(number("3", "") == "3")
  }

  test("cards that a process sees are counted anew") {
    assert(number("3", "1,3") == "1")
    assert(number("0", "0") == "0")
    assert(number("GPU-5f", "GPU-3a,GPU-5f") == "1")
    assert(number("2", "GPU-5f") == "0")
  }

  test("without NVIDIA's tool the discovery script says what is missing") {
    val script = getClass.getResource("getGpusResources.sh")
    assert(script != null)
    val errors = new StringBuilder
    val status = Process(
      Seq("/bin/bash", script.getPath),
      None,
      "PATH" -> "/nowhere"
    ).!(ProcessLogger(_ => (), line => errors.append(line)))
    assert(status == 1)
    assert(errors.toString.startsWith("Cannot discover cards: nvidia-smi is not here."))
  }

  test("the discovery script names the cards as Spark reads them") {
    val folder = java.nio.file.Files.createTempDirectory("cards")
    val tool = folder.resolve("nvidia-smi")
    java.nio.file.Files.writeString(tool, "#!/bin/sh\nprintf '0\\n1\\n'\n")
    assert(tool.toFile.setExecutable(true))
    val script = getClass.getResource("getGpusResources.sh").getPath
    val path = folder.toString + ":" + System.getenv("PATH")
    val out = Process(Seq("/bin/bash", script), None, "PATH" -> path).!!
    assert(out.trim == """{"name": "gpu", "addresses": ["0","1"]}""")
  }
}
