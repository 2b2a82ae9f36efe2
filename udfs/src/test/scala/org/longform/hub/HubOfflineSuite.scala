package org.longform.hub

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Files

import scala.collection.JavaConverters._

/** The cache alone, as this product or the hub's own library filled it. */
class HubOfflineSuite extends HubFixture {
  private val offline = "HF_HUB_OFFLINE" -> "1"

  private def notWhole(world: World, name: String): String =
    s"Cannot find model '$name': there is no such local directory, it is not whole in the cache ${world.cache}, and nothing may be downloaded " +
      "(HF_HUB_OFFLINE). Download it where that is allowed, or name a Hugging Face directory or a .gguf file."

  test("what the hub's own library left is read without a question, by branch and by commit") {
    world(offline) { world =>
      world.filled(usual - "generation_config.json" - "README.md")
      assert(world.hub().fetch(model("org/tiny")) == world.snapshot())
      assert(world.hub().pin(model("org/tiny")).uri == s"hf://org/tiny@${FakeHub.Commit}")
      assert(world.hub().fetch(model(s"org/tiny@${FakeHub.Commit}")) == world.snapshot())
      assert(world.server.calls.isEmpty)
    }
  }

  test("what is not whole is told, and not read") {
    world(offline) { world =>
      assert(refused(world.hub().fetch(model("org/tiny"))) == notWhole(world, "org/tiny"))
      world.filled(usual - "model.safetensors")
      assert(
        refused(world.hub().fetch(model("org/tiny"))) == notWhole(world, s"org/tiny@${FakeHub.Commit}")
      )
      assert(refused(world.hub().fetch(model("org/tiny@v1"))) == notWhole(world, "org/tiny@v1"))
      world.filled(Map("model.safetensors" -> weights))
      world.hub().fetch(model("org/tiny"))
      Files.delete(world.home.resolve("blobs").resolve(FakeHub.sha256(weights)))
      assert(
        refused(world.hub().fetch(model("org/tiny"))) == notWhole(world, s"org/tiny@${FakeHub.Commit}"),
        "a link that leads to nothing"
      )
      assert(world.server.calls.isEmpty)
    }
  }

  test("a shard that the index names must be there") {
    world(offline) { world =>
      val index = """{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"""
      val small = usual - "model.safetensors" + ("model.safetensors.index.json" -> index.getBytes(UTF_8))
      world.filled(small + ("one.safetensors" -> weights))
      assert(
        refused(world.hub().fetch(model("org/tiny"))) == notWhole(world, s"org/tiny@${FakeHub.Commit}")
      )
      world.filled(Map("two.safetensors" -> weights))
      assert(world.hub().fetch(model("org/tiny")) == world.snapshot())
    }
  }

  test("online, what the library left out is fetched, and only that") {
    world() { world =>
      world.filled(usual - "generation_config.json")
      assert(world.hub().fetch(model("org/tiny")) == world.snapshot())
      assert(Files.exists(world.snapshot().resolve("generation_config.json")))
      val fetched = world.server.asked("GET").map(_.file)
      assert(fetched.count(_ == "generation_config.json") == 1 && !fetched.contains("tokenizer.json"))
      assert(world.server.calls.asScala.forall(_.server != "large"))
    }
  }

  test("what the hub does not have is noted in the library's way, so that nobody asks again") {
    world() { world =>
      world.hub().fetch(model("org/tiny"))
      val missing = names(world.home.resolve(".no_exist").resolve(FakeHub.Commit))
      assert(missing.contains("chat_template.jinja") && !missing.contains("tokenizer.json"))
    }
  }

  test("a hub that cannot be asked does not hinder what is here") {
    world() { world =>
      world.filled(usual)
      world.server.close()
      val hub = world.hub()
      assert(hub.fetch(model("org/tiny")) == world.snapshot())
      assert(hub.pin(model("org/tiny")).revision.get == FakeHub.Commit)
      assert(refused(world.hub().fetch(model("org/other"))).contains(" cannot be asked, ConnectException"))
    }
  }

  test("a cache that somebody else filled may be one that cannot be written") {
    world() { world =>
      world.filled(usual)
      val directories = Seq(world.cache, world.home)
      directories.foreach(_.toFile.setWritable(false))
      try {
        // the superuser writes anywhere
        if (!Files.isWritable(world.cache)) {
          assert(world.hub().fetch(model("org/tiny")) == world.snapshot())
        }
      } finally directories.foreach(_.toFile.setWritable(true))
    }
  }

  test("a ref that is no commit is none") {
    world(offline) { world =>
      world.filled(usual)
      Files.write(world.home.resolve("refs").resolve("main"), "../../../etc".getBytes(UTF_8))
      assert(refused(world.hub().fetch(model("org/tiny"))) == notWhole(world, "org/tiny"))
    }
  }
}
