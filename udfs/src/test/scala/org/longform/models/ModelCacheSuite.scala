package org.longform.models

import java.io.{BufferedReader, InputStreamReader}
import java.nio.file.{Files, Path}
import java.nio.file.attribute.FileTime
import java.util.Optional
import java.util.concurrent.atomic.AtomicLong

import scala.collection.JavaConverters._

import org.longform.datasets.models.{BundledModels, Trees}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

/** Models that are copied to this machine once, whole, and by whoever comes first. */
class ModelCacheSuite extends AnyFunSuite {
  private val bundled = BundledModels.localDirectory("longform-tiny")
  private val files = 5

  private def using(body: (Path, Path) => Unit): Unit = {
    val folder = Files.createTempDirectory("model-cache-")
    try {
      val source = Files.createDirectories(folder.resolve("source"))
      bundled.toFile.listFiles.foreach(f => Files.copy(f.toPath, source.resolve(f.getName)))
      Files.writeString(source.resolve("README.md"), "not part of the model")
      body(source, folder.resolve("cache"))
    } finally Trees.delete(folder)
  }

  private def name(source: Path): String = s"shelf:$source"

  private def in(cache: Optional[String]): ModelPlaces =
    new ModelPlaces(cache, Optional.empty(), Optional.empty(), Optional.empty())

  private def refused(body: => Any): String = {
    val refused = intercept[LongformException](body)
    assert(refused.errorClass() == ErrorClass.INVALID_MODEL)
    refused.getMessage
  }

  private def process(source: Path, cache: Path, pauseMillis: Long): Process = {
    val java = Path.of(System.getProperty("java.home"), "bin", "java").toString
    val main = "org.longform.models.FetchModel"
    new ProcessBuilder(
      java,
      "-cp",
      System.getProperty("java.class.path"),
      main,
      name(source),
      cache.toString,
      pauseMillis.toString
    ).redirectErrorStream(true).start()
  }

  private def lines(process: Process): BufferedReader =
    new BufferedReader(new InputStreamReader(process.getInputStream))

  private def lastLine(reader: BufferedReader): String =
    Iterator.continually(reader.readLine()).takeWhile(_ != null).toSeq.last

  test("a model is copied once, without what is not part of it, and only its user can read it") {
    using { (source, cache) =>
      val store = new FolderStore
      val path = new ModelCache(cache).fetch(name(source), store)
      assert(store.opened.get == files)
      assert(Files.mismatch(path.resolve("model.safetensors"), bundled.resolve("model.safetensors")) == -1)
      assert(Files.notExists(path.resolve("README.md")))
      assert(ModelRevision.of(path) == ModelRevision.of(bundled))
      assert(new ModelCache(cache).fetch(name(source), store) == path && store.opened.get == files)
      assert(Files.getPosixFilePermissions(cache).size == 3)
    }
  }

  test("a GGUF file is a model of its own") {
    using { (source, cache) =>
      val gguf = Files.writeString(source.resolve("one.gguf"), "weights")
      val path = new ModelCache(cache).fetch(name(gguf), new FolderStore)
      assert(path.getFileName.toString == "one.gguf" && Files.readString(path) == "weights")
    }
  }

  test("a GGUF file in parts is copied with all of them, and without one it is not copied at all") {
    using { (source, cache) =>
      val parts =
        (1 to 3).map(i => Files.writeString(source.resolve(s"m-0000$i-of-00003.gguf"), "weights" * i))
      val store = new FolderStore
      val path = new ModelCache(cache).fetch(name(parts.head), store)
      assert(path.getFileName == parts.head.getFileName && store.opened.get == 3)
      for (part <- parts)
        assert(Files.mismatch(path.resolveSibling(part.getFileName), part) == -1)
      assert(new ModelLocation("m", path).bytes == 6 * "weights".length)
      val before = ModelRevision.of(path)
      Files.writeString(path.resolveSibling(parts(2).getFileName), "other")
      assert(ModelRevision.of(path) != before)
      Files.setLastModifiedTime(parts(1), FileTime.fromMillis(1000000000000L))
      assert(
        new ModelCache(cache).fetch(name(parts.head), store) != path,
        "a part that changed is a revision"
      )
      Files.delete(parts(1))
      assert(refused(new ModelCache(cache).fetch(name(parts.head), store)).contains("m-00002-of-00003.gguf"))
    }
  }

  test("two processes at once copy a model once") {
    using { (source, cache) =>
      val both = Seq.fill(2)(process(source, cache, 20))
      val ends = both.map(p => lastLine(lines(p)))
      assert(both.forall(_.waitFor() == 0), ends)
      val copied = ends.map(_.takeWhile(_ != ' ').toInt)
      assert(copied.sorted == Seq(0, files), ends)
      assert(ends.map(_.dropWhile(_ != ' ')).distinct.size == 1)
    }
  }

  test("a process that is killed while it copies leaves nothing that counts, and the next one copies") {
    using { (source, cache) =>
      val killed = process(source, cache, 500)
      assert(lines(killed).readLine() == "begins")
      def partial: Seq[Path] = {
        if (Files.notExists(cache)) return Nil
        val found = Files.walk(cache)
        try found.iterator.asScala.filter(_.toString.endsWith(".partial")).toList
        finally found.close()
      }
      val deadline = System.nanoTime() + 30000000000L
      while (partial.isEmpty && System.nanoTime() < deadline) Thread.sleep(20)
      killed.destroyForcibly().waitFor()
      assert(partial.size == 1)
      val store = new FolderStore
      val path = new ModelCache(cache).fetch(name(source), store)
      assert(store.opened.get == files && partial.isEmpty)
      assert(ModelRevision.of(path) == ModelRevision.of(bundled))
    }
  }

  test("a copy that was cut, changed or partly removed is noticed and fetched again") {
    using { (source, cache) =>
      val store = new FolderStore
      val path = new ModelCache(cache).fetch(name(source), store)
      val weights = path.resolve("model.safetensors")
      def whole = Files.mismatch(weights, bundled.resolve("model.safetensors")) == -1
      val damages = Seq[() => Unit](
        () => Files.write(weights, Files.readAllBytes(weights).take(1000)),
        () => Files.write(weights, Files.readAllBytes(weights).updated(500000, 1.toByte)),
        () => Files.delete(path.resolve("tokenizer.json"))
      )
      damages.zipWithIndex.foreach { case (damage, i) =>
        Thread.sleep(20) // a file's time has milliseconds
        damage()
        assert(new ModelCache(cache).fetch(name(source), store) == path)
        assert(whole && store.opened.get == files * (i + 2))
      }
      Files.setLastModifiedTime(weights, FileTime.fromMillis(5))
      new ModelCache(cache).fetch(name(source), store)
      assert(store.opened.get == files * 4, "a time alone says nothing")
    }
  }

  test("a model that changed at its source becomes a revision beside the old one") {
    using { (source, cache) =>
      val store = new FolderStore
      val old = new ModelCache(cache).fetch(name(source), store)
      Files.setLastModifiedTime(source.resolve("config.json"), FileTime.fromMillis(1000000000000L))
      val changed = new ModelCache(cache).fetch(name(source), store)
      assert(changed != old && changed.getParent == old.getParent)
      assert(Files.exists(old.resolve("config.json")))
    }
  }

  test("a source that ends early or does not have its own checksums is refused and leaves nothing") {
    using { (source, cache) =>
      val store = new FolderStore
      store.cut = true
      val message = refused(new ModelCache(cache).fetch(name(source), store))
      assert(
        message.startsWith(
          s"Cannot copy model '${name(source)}' to this machine: IOException (file config.json ended after 319 of 639 bytes) (directory $cache"
        )
      )
      assert(message.endsWith("or set spark.longform.modelCache to another."))
      store.cut = false
      Files.writeString(source.resolve("SHA256SUMS"), "0" * 64 + "  ./model.safetensors\n")
      assert(
        refused(new ModelCache(cache).fetch(name(source), store))
          .contains("(file model.safetensors: its checksum is not the one in SHA256SUMS: sha256 ")
      )
      val left = Files.walk(cache)
      try assert(left.iterator.asScala.filter(Files.isRegularFile(_)).forall(_.endsWith("lock")))
      finally left.close()
      Files.delete(source.resolve("SHA256SUMS"))
      new ModelCache(cache).fetch(name(source), store)
    }
  }

  test("what is no model, and a disk without room or permission, is told before anything is copied") {
    using { (source, cache) =>
      val store = new FolderStore
      store.claimedBytes = 1L << 50
      val noRoom = refused(new ModelCache(cache).fetch(name(source), store))
      assert(noRoom.contains("to this machine: it has 5,629,") && noRoom.contains(" and there is room for "))
      store.claimedBytes = 0
      val file = Files.writeString(source.resolve("plain"), "")
      assert(
        refused(new ModelCache(file.resolve("cache")).fetch(name(source), store))
          .contains("Check the directory's permissions")
      )
      Files.delete(source.resolve("config.json"))
      assert(
        refused(new ModelCache(cache).fetch(name(source), store)) ==
          s"Cannot find model '${name(source)}': what is there has no config.json and is no .gguf file. " +
          "Give a Hugging Face directory or a .gguf file."
      )
      assert(store.opened.get == 0)
    }
  }

  test("rows do not look a model up again, and a copy stays the revision it was in this process") {
    using { (source, cache) =>
      val store = new FolderStore
      val now = new AtomicLong
      val locations = new ModelLocations(List[ModelStore](store).asJava, () => now.get)
      def locate() = locations.locate(name(source), in(Optional.of(cache.toString)))
      val first = locate()
      Files.setLastModifiedTime(source.resolve("config.json"), FileTime.fromMillis(1000000000000L))
      for (_ <- 1 to 1000) assert(locate() eq first)
      now.set(1L << 40)
      assert(locate() == first && store.listed.get == 1)
      Trees.delete(first.path())
      assert(Files.exists(locate().path()) && store.listed.get == 2, "a copy that went away is made again")
    }
  }

  test("a local model that went away is noticed at once") {
    using { (source, _) =>
      val locations = new ModelLocations(List.empty[ModelStore].asJava, () => 0L)
      def locate() = locations.locate(source.toString, ModelPlaces.ANY)
      assert(locate().path() == source)
      Trees.delete(source)
      assert(refused(locate()).contains("there is no such directory or file"))
    }
  }

  test("an address that nothing reads is told") {
    val locations = new ModelLocations(List.empty[ModelStore].asJava, () => 0L)
    assert(
      refused(locations.locate("s3a://bucket/model", ModelPlaces.ANY))
        .startsWith("Cannot find model 's3a://bucket/model': nothing here reads such addresses.")
    )
  }
}
