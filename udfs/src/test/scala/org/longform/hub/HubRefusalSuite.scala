package org.longform.hub

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, InvalidPathException, Path}

import scala.collection.JavaConverters._

import org.longform.kernels.error.LongformException

/** What the hub refuses, and a hub, or somebody in between, that does what it must not. */
class HubRefusalSuite extends HubFixture {
  private val weightsHash = FakeHub.sha256(weights)

  private def isWeights(call: Call): Boolean = call.server == "large"

  test("a gated model is told with the page of its terms, and the token is not shown") {
    world() { world =>
      world.server.repos("org/tiny") = FakeRepo(usual, access = "gated")
      val page = world.server.endpoint + "/org/tiny"
      assert(
        refused(world.hub().fetch(model("org/tiny"))) ==
          s"Cannot download model 'org/tiny': it is gated, and there is no token on this machine. Accept its " +
          s"terms at $page, and set HF_TOKEN to a token of that account (for executors spark.executorEnv.HF_TOKEN)."
      )
      val message = refused(world.hub("HF_TOKEN" -> "hf_of_somebody_else").fetch(model("org/tiny")))
      assert(
        message == s"Cannot download model 'org/tiny': it is gated, and the account of the token in HF_TOKEN has " +
          s"no access. Accept its terms at $page with that account, and give the token the right to read gated " +
          "repositories."
      )
    }
  }

  test("a token that the hub does not know is told") {
    world("HF_TOKEN" -> "hf_expired") { world =>
      world.server.fault(1)(_ => true)(
        FakeHub.refuse(_, 401, "", "Invalid credentials in Authorization header")
      )
      assert(
        refused(world.hub().fetch(model("org/tiny"))) ==
          "Cannot download model 'org/tiny': the hub does not accept the token in HF_TOKEN. Replace it, or remove it " +
          "for models that everybody may read."
      )
    }
  }

  test("a model, a revision and a file that are not there are told apart") {
    world() { world =>
      val hub = world.server.endpoint
      val rest =
        s"Check the spelling at $hub/org/none, or give a Hugging Face directory, a .gguf file or an address."
      assert(
        refused(world.hub().fetch(model("org/none"))) ==
          s"Cannot find model 'org/none': there is no such local directory, and $hub has no such model, or it is " +
          s"private and there is no token on this machine (HF_TOKEN). $rest"
      )
      assert(
        refused(world.hub("HF_TOKEN" -> FakeHub.Token).fetch(model("org/none"))) ==
          s"Cannot find model 'org/none': there is no such local directory, and $hub has no such model, or it is " +
          s"private to the account of the token in HF_TOKEN. $rest"
      )
      assert(
        refused(world.hub().fetch(model("org/tiny@v9"))) ==
          "Cannot find model 'org/tiny@v9': the hub has no revision 'v9' of it. " +
          s"See $hub/org/tiny/tree/main for its branches and tags."
      )
      world.server.fault(1)(_.method == "HEAD")(FakeHub.refuse(_, 404, "EntryNotFound", "none"))
      val message = refused(world.hub().fetch(model("org/tiny")))
      assert(
        message.startsWith(s"Cannot find model 'org/tiny@${FakeHub.Commit}': file ") &&
          message.contains(
            s": the hub does not have it at revision ${FakeHub.Commit}. See $hub/org/tiny/tree/"
          )
      )
    }
  }

  test("what the hub says with a refusal is shown on one line, without the token") {
    world("HF_TOKEN" -> FakeHub.Token) { world =>
      world.server.fault(1)(_ => true)(
        FakeHub.refuse(_, 403, "", s"Your token ${FakeHub.Token} may not do that.")
      )
      assert(
        refused(world.hub().fetch(model("org/tiny"))) ==
          "Cannot download model 'org/tiny': the hub refuses (status 403: Your token *********(redacted) may not do " +
          s"that) to the account of the token in HF_TOKEN. See ${world.server.endpoint}/org/tiny."
      )
      world.server.fault(1)(_ => true)(FakeHub.refuse(_, 418, "", "no coffee"))
      assert(
        refused(world.hub().fetch(model("org/tiny"))) ==
          s"Cannot download model 'org/tiny': ${world.server.endpoint} answers with status 418: no coffee. " +
          "Check HF_ENDPOINT and the proxy's variables."
      )
    }
  }

  test("a disk without room is told before anything large comes") {
    world() { world =>
      world.server.fault(100)(call => call.method == "HEAD" && call.file == "model.safetensors") { exchange =>
        exchange.getResponseHeaders.set("X-Linked-Etag", "\"" + weightsHash + "\"")
        exchange.getResponseHeaders.set("X-Linked-Size", (1L << 49).toString)
        exchange.getResponseHeaders.set("Location", world.server.largeEndpoint)
        exchange.sendResponseHeaders(302, -1)
      }
      val message = refused(world.hub().fetch(model("org/tiny")))
      assert(
        message.contains("': 562,949,953,421,312 bytes are missing and there is room for ") &&
          message.endsWith(" Free some, or set HF_HUB_CACHE to a directory with more.")
      )
      assert(!world.server.calls.asScala.exists(isWeights))
    }
  }

  /** What a download says that the misbehaviour of a server ends; nothing of it counts as a model. */
  private def misbehaviour(world: World): String = {
    val message = refused(world.hub().fetch(model("org/tiny")))
    val end = s". Check HF_ENDPOINT (${world.server.endpoint}) and the proxy, or download it with another " +
      "program and name the directory."
    assert(message.endsWith(end) && message.startsWith("Cannot download model 'org/tiny"), message)
    assert(!Files.exists(world.snapshot().resolve("model.safetensors")))
    message.stripSuffix(end).replaceFirst("^[^:]*: ", "")
  }

  test("other bytes than the hub promised do not become a model") {
    world() { world =>
      world.server.fault(2)(isWeights)(FakeHub.send(_, 200, weights.reverse))
      assert(
        misbehaviour(world) == "file model.safetensors: its content is not what the hub promised (sha256 " +
          s"${FakeHub.sha256(weights.reverse)} instead of $weightsHash)"
      )
      assert(names(world.home.resolve("blobs")).forall(!_.contains("incomplete")))
    }
    world() { world =>
      world.server.fault(2)(call => call.method == "GET" && call.file == "config.json")(
        FakeHub.send(_, 200, """{"model_type":"gpt42"}""".getBytes(UTF_8))
      )
      assert(
        misbehaviour(world).startsWith("file config.json: its content is not what the hub promised (sha1 ")
      )
    }
  }

  test("more, fewer or other bytes than were told are refused as soon as that is known") {
    world() { world =>
      world.server.fault(1)(isWeights)(FakeHub.send(_, 200, weights ++ weights))
      assert(
        misbehaviour(
          world
        ) == "file model.safetensors: it has 600,000 bytes where it comes from, and 300,000 by " +
          "the hub's description"
      )
    }
    world() { world =>
      @volatile var sent = 0L
      world.server.fault(1)(isWeights) { exchange =>
        exchange.sendResponseHeaders(200, 0)
        try
          while (sent < (1L << 32)) {
            exchange.getResponseBody.write(weights)
            sent += weights.length
          }
        catch { case _: java.io.IOException => () }
      }
      assert(
        misbehaviour(
          world
        ) == "file model.safetensors: more came than the 300,000 bytes of the hub's description"
      )
      assert(sent < (1L << 28), "the connection was closed")
    }
    world() { world =>
      val blobs = Files.createDirectories(world.home.resolve("blobs"))
      Files.write(blobs.resolve(weightsHash + ".longform.incomplete"), weights.take(1000))
      world.server.fault(1)(isWeights) { exchange =>
        exchange.getResponseHeaders.set("Content-Range", "bytes 5-9/300000")
        FakeHub.send(exchange, 206, weights.slice(5, 10))
      }
      assert(misbehaviour(world) == "file model.safetensors: another part came than was asked for")
    }
  }

  test("a name that this machine's disk cannot have is told, whatever makes it so") {
    val half = 0xd800.toChar
    assert(FileNames.isSafe("größe/😀.gguf") && !FileNames.isSafe(s"a$half.gguf"))
    world() { world =>
      // as where Java runs in a locale of ASCII alone
      val hub = world.machine(
        world.settings(),
        (_, _) => throw new InvalidPathException("größe", "Malformed input")
      )
      assert(
        refused(hub.fetch(model("org/tiny")))
          .contains("to this machine: java.nio.file.InvalidPathException: Malformed input: größe (directory ")
      )
    }
  }

  test("names that lead elsewhere are refused, whoever gives them") {
    Seq("../../evil.safetensors", "/etc/passwd", "a/../../b.json", "a\\b.json", "a\nb.json", "").foreach {
      name =>
        world() { world =>
          world.server.repos("org/tiny") = FakeRepo(usual + (name -> weights))
          val shown = name.replace("\n", " ")
          assert(misbehaviour(world) == s"its list of files has a name that no file may have ('$shown')")
          assert(Files.notExists(world.home.resolve("snapshots")))
        }
    }
    Seq("../../../refs/main.safetensors", "/etc/x.safetensors", "a/b.safetensors", "weights.bin").foreach {
      shard =>
        world() { world =>
          val index = s"""{"weight_map":{"a":"$shard"}}"""
          world.server.repos("org/tiny") = FakeRepo(
            usual - "model.safetensors" + ("model.safetensors.index.json" -> index.getBytes(UTF_8))
          )
          assert(
            misbehaviour(world) ==
              s"file model.safetensors.index.json: it names a file that no weights are in ('$shard')"
          )
        }
    }
    world() { world =>
      world.server.fault(1)(_.method == "HEAD") { exchange =>
        exchange.getResponseHeaders.set("ETag", "\"../../../evil\"")
        FakeHub.send(exchange, 200, Array.emptyByteArray)
      }
      assert(misbehaviour(world).endsWith(": it does not say what its content is (ETag)"))
    }
  }

  test("redirects that never end, or lead out of the web, are not followed") {
    world() { world =>
      world.server.fault(1000)(_.path.startsWith("/api/")) { exchange =>
        exchange.getResponseHeaders.set("Location", exchange.getRequestURI.toString)
        exchange.sendResponseHeaders(307, -1)
      }
      assert(misbehaviour(world) == "it redirects more than 8 times (last to host 127.0.0.1)")
      assert(world.server.calls.size == 9)
    }
    Seq("file:///etc/passwd", "ftp://host/x", ":", "").foreach { location =>
      world() { world =>
        world.server.fault(1)(isWeights) { exchange =>
          exchange.getResponseHeaders.set("Location", location)
          exchange.sendResponseHeaders(302, -1)
        }
        assert(misbehaviour(world) == "it redirects to what is no https address (status 302)", location)
      }
    }
  }

  test("descriptions that are too long, no JSON, or of another commit are refused") {
    def described(body: => Array[Byte], name: String = "org/tiny"): String = {
      var message = ""
      world() { world =>
        world.server.fault(1)(_.path.startsWith("/api/"))(FakeHub.send(_, 200, body))
        message = refused(world.hub().fetch(model(name)))
      }
      message.replaceFirst("^[^:]*: ", "").replaceFirst("\\. Check.*", "")
    }
    assert(described(new Array[Byte](20 << 20)) == "it sent more than 16,777,216 bytes of description")
    assert(
      described("<html>Log in here</html>".getBytes(UTF_8)) == "its description is no JSON (from 127.0.0.1)"
    )
    assert(described(("[" * 5000).getBytes(UTF_8)) == "its description is no JSON (from 127.0.0.1)")
    assert(described("""{"sha":"../../x"}""".getBytes(UTF_8)) == "its description names no commit")
    assert(
      described(s"""{"sha":"${FakeHub.NextCommit}"}""".getBytes(UTF_8), s"org/tiny@${FakeHub.Commit}") ==
        s"the hub answers with commit ${FakeHub.NextCommit} instead"
    )
    world() { world =>
      world.server.fault(1)(_.method == "HEAD") { exchange =>
        exchange.getResponseHeaders.set("X-Repo-Commit", FakeHub.NextCommit)
        FakeHub.send(exchange, 200, Array.emptyByteArray)
      }
      assert(misbehaviour(world) == s"the hub answers with commit ${FakeHub.NextCommit} instead")
    }
  }

  test("a file of unknown or absurd length is refused") {
    Seq("-1", "many", (1L << 51).toString, "9" * 30).foreach { length =>
      world() { world =>
        world.server.fault(1)(call => call.method == "HEAD" && call.file == "model.safetensors") { exchange =>
          exchange.getResponseHeaders.set("X-Linked-Etag", weightsHash)
          exchange.getResponseHeaders.set("X-Linked-Size", length)
          exchange.getResponseHeaders.set("Location", world.server.largeEndpoint)
          exchange.sendResponseHeaders(302, -1)
        }
        assert(misbehaviour(world) == "file model.safetensors: it does not say how large it is", length)
      }
    }
  }

  test("links in the cache that lead out of it are refused, and nothing is written through them") {
    def tricked(prepare: (World, Path) => Unit): String = {
      var message = ""
      world() { world =>
        val outside = Files.createDirectories(world.folder.resolve("private"))
        Files.write(outside.resolve("secret"), "as it was".getBytes(UTF_8))
        prepare(world, outside)
        message = refused(world.hub().fetch(model("org/tiny"))).replace(world.folder.toString, "")
        assert(names(outside) == Set("secret"))
        assert(Files.readString(outside.resolve("secret")) == "as it was")
      }
      message
    }
    val remedy = "Remove it, or set HF_HUB_CACHE to another directory."
    assert(
      tricked { (world, outside) =>
        Files.createDirectories(world.home)
        Files.createSymbolicLink(world.home.resolve("blobs"), outside)
      } == s"Cannot use the hub's cache /hf/hub: its models--org--tiny/blobs leads out of it (to /private). $remedy"
    )
    assert(
      tricked { (world, outside) =>
        Files.createDirectories(world.snapshot().getParent)
        Files.createSymbolicLink(world.snapshot(), outside)
      }.endsWith(s"/snapshots/${FakeHub.Commit} leads out of it (to /private). $remedy")
    )
    assert(
      tricked { (world, outside) =>
        world.filled(usual)
        Files.delete(world.snapshot().resolve("config.json"))
        Files.createSymbolicLink(world.snapshot().resolve("config.json"), outside.resolve("secret"))
      }.endsWith(s"/config.json leads out of it (to /private/secret). $remedy")
    )
    val partial = tricked { (world, outside) =>
      val blobs = Files.createDirectories(world.home.resolve("blobs"))
      val name = weightsHash + ".longform.incomplete"
      Files.createSymbolicLink(blobs.resolve(name), outside.resolve("secret"))
    }
    assert(partial.startsWith("Cannot write model 'org/tiny@") && partial.contains(" is no file (directory "))
  }

  test("a blob that leads elsewhere, or has another length, is replaced") {
    world() { world =>
      val outside = Files.write(world.folder.resolve("outside"), weights.reverse)
      val blobs = Files.createDirectories(world.home.resolve("blobs"))
      Files.createSymbolicLink(blobs.resolve(weightsHash), outside)
      Files.write(blobs.resolve(FakeHub.gitHash(usual("config.json"))), "{".getBytes(UTF_8))
      val path = world.hub().fetch(model("org/tiny"))
      assert(read(path.resolve("model.safetensors")).sameElements(weights))
      assert(read(path.resolve("config.json")).sameElements(usual("config.json")))
      assert(read(outside).sameElements(weights.reverse))
    }
  }

  test("a cache that cannot be written is told") {
    world() { world =>
      val file = Files.write(world.folder.resolve("file"), Array[Byte](1))
      val message =
        refused(world.hub("HF_HUB_CACHE" -> file.resolve("hub").toString).fetch(model("org/tiny")))
      assert(
        message.startsWith(s"Cannot write model 'org/tiny@${FakeHub.Commit}' to this machine: ") &&
          message.endsWith(
            s"(directory $file/hub). Check the directory's permissions and free space, or set HF_HUB_CACHE to another."
          )
      )
    }
  }

  test("an address without a hub is told at once") {
    world() { world =>
      world.server.close()
      val message = refused(world.hub().fetch(model("org/tiny")))
      assert(
        message.startsWith(
          s"Cannot download model 'org/tiny': there is no such local directory, and ${world.server.endpoint} cannot be asked, ConnectException. Check the network"
        )
      )
      assert(world.pauses.size == 1)
    }
  }

  test("nothing of an exception's causes shows the token or a signed address") {
    world("HF_TOKEN" -> FakeHub.Token) { world =>
      world.server.fault(100)(isWeights)(FakeHub.refuse(_, 403, "", "expired"))
      val failure = intercept[LongformException](world.hub().fetch(model("org/tiny")))
      val text = Iterator.iterate[Throwable](failure)(_.getCause).takeWhile(_ != null).mkString(" ")
      assert(text.contains("status 403") && !text.contains(FakeHub.Token) && !text.contains("very-secret"))
    }
  }
}
