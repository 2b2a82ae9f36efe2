package org.longform.hub

import java.nio.charset.StandardCharsets.UTF_8

import org.longform.models.ModelRevision

/** Which files of a repository are a model. */
class HubContentsSuite extends HubFixture {
  private val quantised = Map("tiny-q8_0.gguf" -> weights, "README.md" -> "#".getBytes(UTF_8))
  private val several = quantised ++ Map("tiny-q4_0.gguf" -> weights.reverse, "big/tiny-f16.gguf" -> weights)

  test("the only GGUF file of a repository is the model, and its name goes with the commit") {
    world() { world =>
      world.server.repos("org/tiny") = FakeRepo(quantised)
      val hub = world.hub()
      val pinned = hub.pin(model("org/tiny"))
      assert(pinned.uri == s"hf://org/tiny@${FakeHub.Commit}/tiny-q8_0.gguf")
      val path = hub.fetch(pinned)
      assert(path == world.snapshot().resolve("tiny-q8_0.gguf") && read(path).sameElements(weights))
      assert(names(world.snapshot()) == Set("tiny-q8_0.gguf") && ModelRevision.of(path) == FakeHub.Commit)
      world.server.forget()
      assert(world.hub().fetch(pinned) == path && world.server.calls.isEmpty)
      assert(world.hub("HF_HUB_OFFLINE" -> "yes").fetch(model("hf://org/tiny/tiny-q8_0.gguf")) == path)
    }
  }

  test("of several GGUF files one must be named") {
    world() { world =>
      world.server.repos("org/tiny") = FakeRepo(several)
      val list = "There are: big/tiny-f16.gguf, tiny-q4_0.gguf, tiny-q8_0.gguf."
      assert(
        refused(world.hub().fetch(model("org/tiny"))) ==
          "Cannot choose a file of model 'org/tiny': its repository has 3 GGUF files. Name one, such as " +
          s"hf://org/tiny/big/tiny-f16.gguf. $list"
      )
      val path = world.hub().fetch(model("hf://org/tiny/big/tiny-f16.gguf"))
      assert(path == world.snapshot().resolve("big/tiny-f16.gguf") && read(path).sameElements(weights))
      assert(names(world.snapshot()) == Set("big/tiny-f16.gguf"))
      assert(
        refused(world.hub().fetch(model("hf://org/tiny/tiny-q2.gguf"))) ==
          s"Cannot find model 'hf://org/tiny/tiny-q2.gguf': the repository has no such file. $list"
      )
    }
  }

  test("a GGUF file in parts comes with all of them, and is named by the first") {
    world() { world =>
      val parts = (1 to 3).map(i => s"q8/m-0000$i-of-00003.gguf" -> weights.take(100 * i)).toMap
      world.server.repos("org/tiny") = FakeRepo(parts + ("README.md" -> "#".getBytes(UTF_8)))
      val hub = world.hub()
      val pinned = hub.pin(model("org/tiny"))
      assert(pinned.uri == s"hf://org/tiny@${FakeHub.Commit}/q8/m-00001-of-00003.gguf")
      val path = hub.fetch(pinned)
      assert(path == world.snapshot().resolve("q8/m-00001-of-00003.gguf"))
      assert(names(world.snapshot()) == parts.keySet)
      parts.foreach { case (name, bytes) => assert(read(world.snapshot().resolve(name)).sameElements(bytes)) }
      world.server.forget()
      assert(world.hub().fetch(pinned) == path && world.server.calls.isEmpty)
      java.nio.file.Files.delete(world.snapshot().resolve("q8/m-00003-of-00003.gguf"))
      assert(
        refused(world.hub("HF_HUB_OFFLINE" -> "1").fetch(pinned)).contains("it is not whole in the cache")
      )
      world.hub().fetch(pinned)
      assert(names(world.snapshot()) == parts.keySet)
    }
  }

  test("a part of a GGUF file without the others is no model") {
    world() { world =>
      world.server.repos("org/tiny") = FakeRepo(Map("m-00001-of-00002.gguf" -> weights))
      assert(
        refused(world.hub().fetch(model("org/tiny"))) ==
          "Cannot use file 'm-00001-of-00002.gguf' of model 'org/tiny': it is the first of 2 parts, and the " +
          "repository has no 'm-00002-of-00002.gguf'. Choose a file that is whole."
      )
      world.server.repos("org/parts") =
        FakeRepo(Map("m-00001-of-00002.gguf" -> weights, "m-00002-of-00002.gguf" -> weights))
      assert(
        refused(world.hub().fetch(model("hf://org/parts/m-00002-of-00002.gguf"))) ==
          "Cannot use file 'm-00002-of-00002.gguf' of model 'hf://org/parts/m-00002-of-00002.gguf': it is one part " +
          "of several. Name the first, whose name has 00001 there."
      )
      world.server.repos("org/one") = FakeRepo(Map("m-00001-of-00001.gguf" -> weights))
      world.hub().fetch(model("org/one"))
    }
  }

  test("a directory goes before GGUF files that lie beside it") {
    world() { world =>
      world.server.repos("org/tiny") = FakeRepo(usual ++ several)
      assert(names(world.hub().fetch(model("org/tiny"))) == needed)
    }
  }

  test("pickled weights and no weights are refused before anything comes") {
    world() { world =>
      world.server.repos("org/tiny") = FakeRepo(usual - "model.safetensors")
      assert(
        refused(world.hub().fetch(model("org/tiny"))) ==
          "Cannot use model 'org/tiny': its weights are there only as pickled files, which can run code when they " +
          "are read. Ask its authors for safetensors, or convert it yourself and name the directory."
      )
      world.server.repos("org/tiny") = FakeRepo(Map("README.md" -> Array.emptyByteArray))
      assert(
        refused(world.hub().fetch(model("org/tiny"))) ==
          "Cannot use model 'org/tiny': its repository has neither config.json with model.safetensors nor a .gguf " +
          "file. Name a language model of the hub."
      )
      assert(world.server.asked("HEAD").isEmpty)
    }
  }

  test("an adapter comes as it is") {
    world() { world =>
      val adapter = Map(
        "adapter_config.json" -> "{}".getBytes(UTF_8),
        "adapter_model.safetensors" -> weights,
        "adapter_model.bin" -> weights,
        "README.md" -> "#".getBytes(UTF_8)
      )
      world.server.repos("org/tiny") = FakeRepo(adapter)
      assert(
        names(world.hub().fetch(model("org/tiny"))) == Set("adapter_config.json", "adapter_model.safetensors")
      )
    }
  }

  test("an empty file is a file") {
    world() { world =>
      world.server.repos("org/tiny") = FakeRepo(usual + ("merges.txt" -> Array.emptyByteArray))
      assert(names(world.hub().fetch(model("org/tiny"))) == needed + "merges.txt")
    }
  }
}
