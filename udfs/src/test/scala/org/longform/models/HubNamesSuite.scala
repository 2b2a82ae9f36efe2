package org.longform.models

import java.nio.file.{Files, Path}
import java.util.Optional
import java.util.concurrent.atomic.AtomicLong

import scala.collection.JavaConverters._

import org.longform.datasets.models.{BundledModels, Trees}
import org.longform.hub.{FakeHub, FakeRepo}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

/** Models of the hub among all others: which name means what, and who may name which. */
class HubNamesSuite extends AnyFunSuite {
  private val bundled = BundledModels.localDirectory("longform-tiny")
  private val commit = FakeHub.Commit

  private def using(body: (FakeHub, ModelPlaces, Path) => Unit): Unit = {
    // the variables of whoever runs the tests go before the application's settings
    assume(!System.getenv.containsKey("HF_HOME") && !System.getenv.containsKey("HF_HUB_CACHE"))
    val folder = Files.createTempDirectory("hub-names-")
    val server = new FakeHub
    try {
      val files = bundled.toFile.listFiles.map(f => f.getName -> Files.readAllBytes(f.toPath)).toMap
      server.repos("org/tiny") = FakeRepo(files, Map("main" -> commit, "next" -> FakeHub.NextCommit))
      server.repos("other/tiny") = FakeRepo(files)
      body(server, places(server, folder), folder)
    } finally {
      server.close()
      Trees.delete(folder)
    }
  }

  private def places(server: FakeHub, folder: Path, allowed: Option[Seq[String]] = None): ModelPlaces =
    new ModelPlaces(
      Optional.of(folder.toString),
      Optional.ofNullable(allowed.map(_.asJava).orNull),
      Optional.of(server.endpoint),
      Optional.of(java.lang.Boolean.FALSE)
    )

  private def locations(nanoTime: () => Long = () => 0L): ModelLocations =
    new ModelLocations(List.empty[ModelStore].asJava, () => nanoTime())

  private def refused(of: ErrorClass)(body: => Any): String = {
    val refused = intercept[LongformException](body)
    assert(refused.errorClass() == of, refused)
    refused.getMessage
  }

  test("a name of the hub becomes a local directory, and the same commit for everybody") {
    using { (server, places, folder) =>
      val known = locations()
      val portable = known.portable("org/tiny", places)
      assert(portable == s"hf://org/tiny@$commit")
      val location = known.locate("org/tiny", places)
      assert(location.name() == "org/tiny" && location.path() == known.locate(portable, places).path())
      assert(location.path().startsWith(folder.resolve("hub")) && ModelRevision.of(location.path()) == commit)
      assert(
        Files.mismatch(location.path().resolve("tokenizer.json"), bundled.resolve("tokenizer.json")) == -1
      )
      server.forget()
      assert(locations().locate(portable, places).path() == location.path())
      assert(known.portable(portable, places) == portable && server.calls.isEmpty)
    }
  }

  test("a local directory and a bundled model go before the hub") {
    using { (server, places, _) =>
      // relative to the working directory of the tests
      val local = Path.of("target/hub-names")
      Files.createDirectories(local)
      try {
        bundled.toFile.listFiles.foreach(f => Files.copy(f.toPath, local.resolve(f.getName)))
        assert(locations().locate("target/hub-names", places).path() == local)
        assert(locations().portable("target/hub-names", places) == local.toAbsolutePath.toString)
      } finally Trees.delete(local)
      assert(locations().portable("longform-tiny", places) == "longform-tiny")
      assert(ModelLocation.portable("org/tiny@next") == "hf://org/tiny@next")
      assert(server.calls.isEmpty)
    }
  }

  test("another process may say which commit a name means") {
    using { (server, places, _) =>
      val known = locations()
      known.pinBy(name => if (name == "hf://org/tiny") s"hf://org/tiny@${FakeHub.NextCommit}" else fail(name))
      assert(ModelRevision.of(known.locate("org/tiny", places).path()) == FakeHub.NextCommit)
    }
  }

  test("rows do not ask the hub again, neither for what is here nor for what failed just now") {
    using { (server, places, _) =>
      val now = new AtomicLong
      val known = locations(() => now.get)
      known.locate("org/tiny", places)
      server.forget()
      for (i <- 1 to 100) {
        now.set(i * 10000000000L)
        known.locate("org/tiny", places)
      }
      assert(server.calls.isEmpty)
      for (_ <- 1 to 10) refused(ErrorClass.INVALID_MODEL)(known.locate("org/none", places))
      assert(server.calls.size == 1)
      now.addAndGet(31000000000L)
      refused(ErrorClass.INVALID_MODEL)(known.locate("org/none", places))
      assert(server.calls.size == 2)
    }
  }

  test("what is not allowed is not asked for") {
    using { (server, any, folder) =>
      def allows(name: String, roots: String*): Boolean = {
        server.forget()
        val places = this.places(server, folder, Some(roots))
        try {
          locations().locate(name, places)
          locations().portable(name, places)
          true
        } catch {
          case e: LongformException =>
            assert(e.errorClass() == ErrorClass.INVALID_OPTION, e)
            assert(e.getMessage.contains("': this application allows only its own model"))
            false
        }
      }
      locations().locate("org/tiny", any)
      assert(
        allows("org/tiny", "org/tiny") && allows("org/tiny", "hf://org/tiny") && allows(
          "org/tiny",
          "hf://org"
        )
      )
      assert(allows("org/tiny@next", "hf://org/") && allows(s"org/tiny@$commit", "org/tiny"))
      assert(
        allows("org/tiny", s"org/tiny@$commit") && allows(s"hf://org/tiny@$commit", s"hf://org/tiny@$commit")
      )
      assert(!allows("org/tiny@next", s"org/tiny@$commit"))
      Seq(
        "other/tiny" -> Seq("org/tiny"),
        "org/tiny" -> Seq(),
        "org/tiny" -> Seq("/", folder.toString, "hdfs://org/tiny", "org"),
        "org/tiny" -> Seq("hf://or", "org/tin", "hf://orga"),
        s"hf://org/tiny@${FakeHub.NextCommit}" -> Seq(s"org/tiny@$commit")
      ).foreach { case (name, roots) =>
        assert(!allows(name, roots: _*), name + roots)
        assert(server.calls.isEmpty, name)
      }
      assert(!allows(bundled.toString, "org/tiny") && allows("longform-tiny", "org/tiny"))
    }
  }
}
