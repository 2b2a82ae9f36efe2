package org.longform.hub

import java.io.{BufferedReader, InputStreamReader}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.nio.file.attribute.FileTime
import java.time.{ZoneOffset, ZonedDateTime}
import java.time.format.DateTimeFormatter

import scala.collection.JavaConverters._
import scala.concurrent.{Await, Future}
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.duration._

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.models.ModelRevision

/** What the hub has comes to this machine once and whole, however the connection is. */
class HubDownloadSuite extends HubFixture {
  private val weightsHash = FakeHub.sha256(weights)

  private def isWeights(call: Call): Boolean = call.server == "large"

  test("a model comes in the hub's own layout, without what is not needed, and only once") {
    world() { world =>
      val path = world.hub().fetch(model("org/tiny"))
      assert(path == world.snapshot() && names(path) == needed)
      needed.foreach(name => assert(read(path.resolve(name)).sameElements(usual(name)), name))
      assert(Files.readString(world.home.resolve("refs").resolve("main")) == FakeHub.Commit)
      assert(
        Files.readSymbolicLink(path.resolve("model.safetensors")) == Path.of("../../blobs", weightsHash)
      )
      assert(
        names(world.home.resolve("blobs")) ==
          Set(weightsHash) ++ (needed - "model.safetensors").map(name => FakeHub.gitHash(usual(name)))
      )
      assert(ModelRevision.of(path) == FakeHub.Commit)
      world.server.forget()
      assert(world.hub().fetch(model(s"org/tiny@${FakeHub.Commit}")) == path)
      assert(world.server.calls.isEmpty, "what is known to be whole is not asked for")
    }
  }

  test("the token goes to the hub and to nobody else") {
    world("HF_TOKEN" -> FakeHub.Token) { world =>
      world.server.repos("org/tiny") = FakeRepo(usual, access = "gated")
      world.hub().fetch(model("org/tiny"))
      val (large, own) = world.server.calls.asScala.toSeq.partition(_.server == "large")
      assert(large.nonEmpty && large.forall(_.header("Authorization").isEmpty))
      assert(own.nonEmpty && own.forall(_.header("Authorization").contains(s"Bearer ${FakeHub.Token}")))
    }
  }

  test("a redirect of the hub to itself is followed with the token, one back from elsewhere without") {
    world("HF_TOKEN" -> FakeHub.Token) { world =>
      val renamed = FakeRepo(usual, access = "gated")
      world.server.repos("new/name") = renamed
      world.server.fault(1000)(_.path.contains("/org/tiny/")) { exchange =>
        val path = exchange.getRequestURI.toString.replace("/org/tiny/", "/new/name/")
        exchange.getResponseHeaders.set("Location", path)
        exchange.sendResponseHeaders(307, -1)
      }
      assert(names(world.hub().fetch(model("org/tiny"))) == needed)
      world.server.forget()
      world.server.fault(1)(isWeights) { exchange =>
        exchange.getResponseHeaders.set("Location", s"${world.server.endpoint}/stolen")
        exchange.sendResponseHeaders(302, -1)
      }
      Files.delete(world.snapshot().resolve("model.safetensors"))
      Files.delete(world.home.resolve("blobs").resolve(weightsHash))
      refused(world.hub().fetch(model("org/tiny")))
      val back = world.server.calls.asScala.filter(_.path == "/stolen").toSeq
      assert(back.size == 1 && back.forall(_.header("Authorization").isEmpty))
    }
  }

  test("a name means one commit as long as a process asks, and commits share what they have in common") {
    world() { world =>
      val hub = world.hub()
      val first = hub.pin(model("org/tiny"))
      assert(first.isPinned && first.uri == s"hf://org/tiny@${FakeHub.Commit}")
      hub.fetch(first)
      world.server.repos("org/tiny") = FakeRepo(
        usual + ("config.json" -> """{"model_type":"other"}""".getBytes(UTF_8)),
        Map("main" -> FakeHub.NextCommit, "v1" -> FakeHub.NextCommit, "refs/pr/1" -> FakeHub.NextCommit)
      )
      assert(hub.pin(model("org/tiny")) == first)
      world.server.calls.clear()
      val next = world.hub().fetch(model("org/tiny"))
      assert(next == world.snapshot(FakeHub.NextCommit) && Files.exists(world.snapshot()))
      val fetched = world.server.asked("GET").map(_.file)
      assert(fetched.contains("config.json") && !fetched.contains("tokenizer.json"))
      assert(world.server.calls.asScala.forall(_.server != "large"))
      assert(world.hub().fetch(model("org/tiny@v1")) == next)
      assert(world.hub().fetch(model("org/tiny@refs/pr/1")) == next)
      assert(Files.readString(world.home.resolve("refs/refs/pr/1")) == FakeHub.NextCommit)
    }
  }

  test("weights in several files come with their index, and no others") {
    world() { world =>
      val index =
        """{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"""
      world.server.repos("org/tiny") = FakeRepo(
        usual - "model.safetensors" ++ Map(
          "model.safetensors.index.json" -> index.getBytes(UTF_8),
          "model-00001-of-00002.safetensors" -> weights,
          "model-00002-of-00002.safetensors" -> weights.reverse,
          "consolidated.safetensors" -> weights
        )
      )
      val path = world.hub().fetch(model("org/tiny"))
      assert(
        names(path) == needed - "model.safetensors" +
          "model.safetensors.index.json" + "model-00001-of-00002.safetensors" + "model-00002-of-00002.safetensors"
      )
    }
  }

  test("a download that was cut goes on where it stopped") {
    world() { world =>
      Seq(100000, 70000).foreach { bytes =>
        world.server.fault(1)(isWeights) { exchange =>
          val from = Option(exchange.getRequestHeaders.getFirst("Range"))
            .map(_.stripPrefix("bytes=").stripSuffix("-").toInt)
            .getOrElse(0)
          if (from > 0) {
            exchange.getResponseHeaders
              .set("Content-Range", s"bytes $from-${weights.length - 1}/${weights.length}")
          }
          exchange.sendResponseHeaders(if (from > 0) 206 else 200, weights.length - from)
          exchange.getResponseBody.write(weights, from, bytes)
          exchange.getResponseBody.flush()
        }
      }
      val path = world.hub().fetch(model("org/tiny"))
      assert(read(path.resolve("model.safetensors")).sameElements(weights))
      val ranges = world.server.calls.asScala.filter(isWeights).map(_.header("Range")).toSeq
      assert(ranges.size == 3 && ranges.head.isEmpty)
      val starts = ranges.tail.map(_.get.stripPrefix("bytes=").stripSuffix("-").toInt)
      assert(starts.head > 0 && starts.head <= 100000 && starts(1) > starts.head, ranges)
    }
  }

  test("what a process, or another program, left of a file is gone on with, unless somebody writes it") {
    Seq(".longform.incomplete" -> 0, ".incomplete" -> 3600, ".incomplete" -> 0).foreach { case (end, age) =>
      world() { world =>
        val blobs = Files.createDirectories(world.home.resolve("blobs"))
        val left = Files.write(blobs.resolve(weightsHash + end), weights.take(123456))
        Files.setLastModifiedTime(left, FileTime.fromMillis(System.currentTimeMillis() - age * 1000L))
        val path = world.hub().fetch(model("org/tiny"))
        assert(read(path.resolve("model.safetensors")).sameElements(weights))
        val range = world.server.calls.asScala.find(isWeights).get.header("Range")
        val inUse = end == ".incomplete" && age == 0
        assert(range == (if (inUse) None else Some("bytes=123456-")), end)
        assert(Files.exists(left) == inUse)
      }
    }
  }

  test("a part that is damaged or too long is fetched again, whole") {
    Seq(weights.take(1000).reverse, weights ++ weights, weights.reverse).foreach { part =>
      world() { world =>
        val blobs = Files.createDirectories(world.home.resolve("blobs"))
        Files.write(blobs.resolve(weightsHash + ".longform.incomplete"), part)
        val path = world.hub().fetch(model("org/tiny"))
        assert(read(path.resolve("model.safetensors")).sameElements(weights))
      }
    }
  }

  test("a server that knows no ranges sends the file from its beginning") {
    world() { world =>
      val blobs = Files.createDirectories(world.home.resolve("blobs"))
      Files.write(blobs.resolve(weightsHash + ".longform.incomplete"), weights.take(1000))
      world.server.fault(1)(isWeights)(FakeHub.send(_, 200, weights))
      val path = world.hub().fetch(model("org/tiny"))
      assert(read(path.resolve("model.safetensors")).sameElements(weights))
    }
  }

  test("a busy hub is asked again when it says so, and a broken one a little later") {
    world() { world =>
      val date =
        DateTimeFormatter.RFC_1123_DATE_TIME.format(ZonedDateTime.now(ZoneOffset.UTC).plusSeconds(90))
      val answers = Seq(429 -> Some("7"), 503 -> Some(date), 500 -> None, 502 -> None)
      answers.foreach { case (status, after) =>
        world.server.fault(1)(_.path.startsWith("/api/")) { exchange =>
          after.foreach(exchange.getResponseHeaders.set("Retry-After", _))
          FakeHub.send(exchange, status, "not now".getBytes(UTF_8))
        }
      }
      world.server.fault(1)(isWeights)(FakeHub.send(_, 429, "not now".getBytes(UTF_8)))
      world.server.fault(1)(isWeights) { exchange =>
        exchange.getResponseHeaders.set("RateLimit", "\"api\";r=0;t=55")
        FakeHub.send(exchange, 429, "not now".getBytes(UTF_8))
      }
      world.hub().fetch(model("org/tiny"))
      val millis = world.pauses.asScala.map(_.toMillis).toSeq
      assert(millis.size == 6 && millis.head == 7000)
      assert(millis(1) > 60000 && millis(1) <= 90000)
      assert(millis(5) == 55000)
      assert(millis(2) >= 2000 && millis(2) <= 4000 && millis(3) >= 4000 && millis(3) <= 8000)
    }
  }

  test("a hub that stays busy or broken is given up with a sentence") {
    world() { world =>
      val rest =
        s" Check the network, HF_ENDPOINT and the proxy's variables; with HF_HUB_OFFLINE=1 only the " +
          s"cache is used (${world.cache})."
      val why =
        s"Cannot download model 'org/tiny': there is no such local directory, and ${world.server.endpoint} cannot be asked, "
      def told(status: Int, after: Option[String]): String = {
        world.server.forget()
        world.server.fault(1000)(_ => true) { exchange =>
          after.foreach(exchange.getResponseHeaders.set("Retry-After", _))
          FakeHub.send(exchange, status, Array.emptyByteArray)
        }
        refused(world.hub().fetch(model("org/tiny")))
      }
      assert(told(500, None) == s"${why}it answers with status 500.$rest")
      assert(world.server.calls.size == 5)
      assert(told(429, Some("1")) == s"${why}it has had too many requests from here (status 429).$rest")
      assert(
        told(429, Some("86400")) ==
          s"${why}it has had too many requests from here (status 429) and asks to wait 86,400 s.$rest"
      )
      assert(world.server.calls.size == 1)
    }
  }

  test("a server that stops to send is not waited for") {
    world("HF_HUB_DOWNLOAD_TIMEOUT" -> "0.5") { world =>
      world.server.fault(1)(isWeights) { exchange =>
        exchange.sendResponseHeaders(200, weights.length)
        exchange.getResponseBody.write(weights, 0, 100000)
        exchange.getResponseBody.flush()
        Thread.sleep(3000)
      }
      val path = world.hub().fetch(model("org/tiny"))
      assert(read(path.resolve("model.safetensors")).sameElements(weights))
      assert(world.server.calls.asScala.filter(isWeights).size == 2)
    }
  }

  test("whoever is interrupted stops, and what arrived is kept") {
    world() { world =>
      world.server.fault(1)(isWeights) { exchange =>
        exchange.sendResponseHeaders(200, weights.length)
        exchange.getResponseBody.write(weights, 0, 100000)
        exchange.getResponseBody.flush()
        Thread.sleep(4000)
      }
      @volatile var failure: Option[LongformException] = None
      val fetching = new Thread(() =>
        try world.hub().fetch(model("org/tiny"))
        catch { case e: LongformException => failure = Some(e) }
      )
      fetching.start()
      val partial = world.home.resolve("blobs").resolve(weightsHash + ".longform.incomplete")
      val deadline = System.nanoTime() + 20000000000L
      while ((!Files.exists(partial) || Files.size(partial) == 0) && System.nanoTime() < deadline)
        Thread.sleep(20)
      fetching.interrupt()
      fetching.join(10000)
      assert(failure.exists(_.errorClass() == ErrorClass.CANCELLED), failure)
      assert(Files.size(partial) > 0)
      val path = world.hub().fetch(model("org/tiny"))
      assert(read(path.resolve("model.safetensors")).sameElements(weights))
      assert(world.server.calls.asScala.filter(isWeights).last.header("Range").isDefined)
    }
  }

  test("threads at once download once") {
    world() { world =>
      val hubs = Seq.fill(4)(world.hub())
      val paths =
        Await.result(Future.sequence(hubs.map(hub => Future(hub.fetch(model("org/tiny"))))), 60.seconds)
      assert(paths.distinct == Seq(world.snapshot()))
      assert(world.server.calls.asScala.count(isWeights) == 1)
    }
  }

  test("two processes at once download once, by the variables of their environment") {
    world() { world =>
      world.server.repos("org/tiny") = FakeRepo(usual, access = "private")
      world.server.fault(1)(isWeights) { exchange =>
        Thread.sleep(500) // so that the other one comes meanwhile
        FakeHub.send(exchange, 200, weights)
      }
      val java = Path.of(System.getProperty("java.home"), "bin", "java").toString
      val both = Seq.fill(2) {
        val builder =
          new ProcessBuilder(
            java,
            "-cp",
            System.getProperty("java.class.path"),
            "org.longform.hub.FetchFromHub"
          )
        val environment = builder.environment()
        environment.keySet.removeIf(name => name.startsWith("HF_") || name.toLowerCase.endsWith("_proxy"))
        environment.put("HF_ENDPOINT", world.server.endpoint + "/")
        environment.put("HF_HUB_CACHE", world.cache.toString)
        environment.put("HF_TOKEN", FakeHub.Token)
        builder.redirectErrorStream(true).start()
      }
      val ends = both.map { process =>
        val lines = new BufferedReader(new InputStreamReader(process.getInputStream))
        Iterator.continually(lines.readLine()).takeWhile(_ != null).toList
      }
      assert(both.forall(_.waitFor() == 0), ends)
      assert(ends.map(_.last).distinct == Seq(world.snapshot().toString))
      assert(world.server.calls.asScala.count(isWeights) == 1)
      assert(ends.flatten.forall(!_.contains(FakeHub.Token)))
    }
  }

  test("on a disk without links the snapshot has copies") {
    world() { world =>
      def machine = world.machine(world.settings(), (_, _) => throw new UnsupportedOperationException)
      val path = machine.fetch(model("org/tiny"))
      assert(names(path) == needed && needed.forall(name => !Files.isSymbolicLink(path.resolve(name))))
      assert(read(path.resolve("model.safetensors")).sameElements(weights))
      world.server.forget()
      Files.delete(path.resolve("config.json"))
      assert(machine.fetch(model("org/tiny")) == path && Files.exists(path.resolve("config.json")))
      assert(!world.server.calls.asScala.exists(isWeights))
    }
  }

  test("how far a download is stands in one line") {
    val out = new java.io.ByteArrayOutputStream
    var now = 0L
    val stream = new java.io.PrintStream(out, true, "UTF-8")
    val progress = new DownloadProgress(stream, DownloadProgress.Screen.TERMINAL, () => now)
    progress.begin("org/name", 1000000000L, 4000000000L)
    now = 10000000000L
    progress.at(2000000000L)
    val line = "Downloading org/name [############------------] 50 %, 2.00 of 4.00 GB, 100.0 MB/s, 20 s left"
    assert(out.toString("UTF-8") == "\r" + line)
    now += 1000000
    progress.at(2000001000L)
    assert(out.toString("UTF-8") == "\r" + line, "not more often than anybody reads")
    progress.end()
    assert(out.toString("UTF-8") == "\r" + line + "\r" + " " * line.length + "\r")
    out.reset()
    val lines = new DownloadProgress(stream, DownloadProgress.Screen.FILE, () => now)
    lines.begin("org/name", 0, 1000000000L)
    now += 5000000000L
    lines.at(100)
    now += 5000000000L
    lines.at(500000000L)
    lines.end()
    assert(
      out.toString("UTF-8") == "Downloading org/name 50 %, 0.50 of 1.00 GB, 50.0 MB/s, 10 s left\n",
      "a file is not written over"
    )
  }
}

/** A process of its own that fetches the test's model and says where it is. */
object FetchFromHub {
  def main(arguments: Array[String]): Unit =
    println(
      new Hub(HubSettings.of(System.getenv(), HubFixture.Nothing)).fetch(HubModel.of("org/tiny").get)
    )
}
