package org.longform.hub

import java.net.{Proxy, URI}
import java.nio.file.{Files, Path}
import java.time.Duration
import java.util.Optional

import scala.collection.JavaConverters._

import org.longform.kernels.error.{ErrorClass, LongformException}

/** What users call models of the hub, and what the environment says of it. */
class HubSettingsSuite extends HubFixture {
  private val commit = FakeHub.Commit

  private def settings(environment: (String, String)*): HubSettings =
    HubSettings.of((environment.toMap + ("HOME" -> "/nobody")).asJava, HubFixture.Nothing)

  private def invalid(body: => Any): String = {
    val invalid = intercept[LongformException](body)
    assert(invalid.errorClass() == ErrorClass.INVALID_OPTION)
    invalid.getMessage
  }

  test("names of the hub have two parts and perhaps a revision; others are paths") {
    Seq("org/name", "org/name@main", "Org-1/na.me_2@v1.0", s"org/name@$commit", "org/name@refs/pr/3")
      .foreach { name =>
        assert(HubModel.isNamed(name) && model(name).toString == name, name)
      }
    val paths =
      Seq("name", "./org/name", "/org/name", "org/name/file", "org/name.gguf", "org//name", "org/..") ++
        Seq(
          "../name",
          "org/name@",
          "org/na--me",
          "org/na me",
          "org/name@a..b",
          "file:org/name",
          "s3a://org/name"
        ) ++
        Seq("org/.name", "org/name-", "-org/name", "org\\name", "org/name@-x", "", "org/" + "n" * 97)
    paths.foreach(name => assert(!HubModel.isNamed(name) && !HubModel.of(name).isPresent, name))
  }

  test("an address says the same and may name a file") {
    val file = model("hf://org/name@v1/sub/file.gguf")
    assert(
      file.id == "org/name" && file.revision == Optional.of("v1") && file.file == Optional.of("sub/file.gguf")
    )
    Seq(
      "hf://org/name" -> "hf://org/name",
      "hf://org/name/" -> "hf://org/name",
      "hf://org/name@refs/pr/3/file.gguf" -> "hf://org/name@refs%2Fpr%2F3/file.gguf",
      "hf://org/name@refs%2Fpr%2F3" -> "hf://org/name@refs%2Fpr%2F3",
      "org/name@a/b" -> "hf://org/name@a%2Fb"
    ).foreach { case (name, uri) =>
      assert(model(name).uri == uri && model(uri) == model(name), name)
    }
  }

  test("an address that means nothing is told") {
    val rest = ". Write hf://org/name, hf://org/name@revision or hf://org/name/file.gguf."
    Seq(
      "hf://name" -> "it is no address of a model",
      "hf://org/../x" -> "it is no address of a model",
      "hf://datasets/org/name" -> "it is an address of a data set or a space",
      "hf://org/name@a..b" -> "it has a revision that cannot be ('a..b')",
      "hf://org/name@..%2F..%2Fx" -> "it has a revision that cannot be ('../../x')",
      "hf://org/name/pytorch_model.bin" -> "'pytorch_model.bin' is no name of a .gguf file",
      "hf://org/name/../../x.gguf" -> "'../../x.gguf' is no name of a .gguf file"
    ).foreach { case (name, why) =>
      assert(refused(HubModel.of(name)) == s"Cannot find model '$name': $why$rest")
    }
    Seq(
      "hf://user:hf_secret@org/name" -> "hf://***@org/name",
      "hf://hf_secret@org/name" -> "hf://***@org/name",
      "hf://org/name?token=hf_secret" -> "hf://org/name?***",
      "hf://org/name/a.bin?token=hf_secret" -> "hf://org/name/a.bin?***",
      "hf://org/name@a?token=hf_secret" -> "hf://org/name@a?***"
    ).foreach { case (name, shown) =>
      val message = refused(HubModel.of(name))
      assert(message.startsWith(s"Cannot find model '$shown': ") && !message.contains("hf_secret"), message)
    }
  }

  test("the cache lies where the hub's own library has it") {
    def cache(environment: (String, String)*): String = settings(environment: _*).cache.toString
    assert(cache("HF_HOME" -> "/a") == "/a/hub")
    assert(cache("HF_HOME" -> "/a", "HF_HUB_CACHE" -> "/b") == "/b")
    assert(cache("HF_HOME" -> "/a", "HUGGINGFACE_HUB_CACHE" -> "/c") == "/c")
    assert(cache("HF_HOME" -> "~/a", "HF_HUB_CACHE" -> " ") == "/nobody/a/hub")
    val home = Files.createTempDirectory("hub-home-")
    assert(cache("XDG_CACHE_HOME" -> home.toString) == home.resolve("huggingface/hub").toString)
    assert(
      HubSettings.of(Map("HOME" -> home.toString).asJava, HubFixture.Nothing).cache ==
        home.resolve(".cache/huggingface/hub")
    )
    val given = new HubSettings.Given(Optional.empty(), Optional.empty(), Optional.of("/models"))
    assert(HubSettings.of(Map("HOME" -> "/nobody").asJava, given).cache == Path.of("/models/hub"))
    assert(HubSettings.of(Map("HF_HOME" -> "/a").asJava, given).cache == Path.of("/a/hub"))
    Files.delete(home)
  }

  test("the token is that of the variables, else of the file, and is never shown") {
    val folder = Files.createTempDirectory("hub-token-")
    val file = Files.writeString(folder.resolve("token"), "hf_ofFile\n")
    val ofFile = settings("HF_HOME" -> folder.toString)
    assert(ofFile.token.get.value == "hf_ofFile" && ofFile.token.get.source == s"file $file")
    val elsewhere = Files.writeString(folder.resolve("other"), "hf_other")
    assert(
      settings(
        "HF_HOME" -> folder.toString,
        "HF_TOKEN_PATH" -> elsewhere.toString
      ).token.get.value == "hf_other"
    )
    val both = settings("HF_HOME" -> folder.toString, "HF_TOKEN" -> " hf_ofVariable ")
    assert(both.token.get.value == "hf_ofVariable" && both.token.get.source == "HF_TOKEN")
    assert(settings("HUGGING_FACE_HUB_TOKEN" -> "hf_old").token.get.value == "hf_old")
    assert(!both.toString.contains("hf_ofVariable") && both.toString.contains("*********(redacted)"))
    assert(settings().token == Optional.empty())
    assert(settings("HF_TOKEN" -> "hf_x", "HF_HUB_DISABLE_IMPLICIT_TOKEN" -> "1").token == Optional.empty())
    val message = invalid(settings("HF_TOKEN" -> "hf_with\r\nHeader: x"))
    assert(
      message == "Cannot use the hub's token of HF_TOKEN: it has a space or a character that no token has. Copy it " +
        "again from the hub's settings page."
    )
    Seq(file, elsewhere, folder).foreach(Files.delete)
  }

  test("the endpoint is an address without a password") {
    assert(settings().endpoint == URI.create("https://huggingface.co"))
    assert(settings("HF_ENDPOINT" -> "https://mirror/hf//").endpoint == URI.create("https://mirror/hf"))
    Seq("mirror", "ftp://mirror", "https:///x").foreach { address =>
      assert(
        invalid(
          settings("HF_ENDPOINT" -> address)
        ) == "Cannot use the hub's address: it does not begin with " +
          s"http:// or https:// and a host ($address). Write it as https://huggingface.co."
      )
    }
    val message = invalid(settings("HF_ENDPOINT" -> "https://me:topsecret@mirror"))
    assert(message.contains("it has a password or a query in it") && !message.contains("topsecret"))
  }

  test("what the application says goes before the environment") {
    val given = new HubSettings.Given(
      Optional.of("http://own:1"),
      Optional.of(java.lang.Boolean.FALSE),
      Optional.empty()
    )
    val both = HubSettings.of(Map("HF_ENDPOINT" -> "http://other", "HF_HUB_OFFLINE" -> "1").asJava, given)
    assert(both.endpoint == URI.create("http://own:1") && !both.offline)
  }

  test("offline is what the hub's own library takes for yes") {
    Seq("1", "ON", "yes", "True").foreach(word => assert(settings("HF_HUB_OFFLINE" -> word).offline, word))
    Seq("0", "", "no", "false").foreach(word => assert(!settings("HF_HUB_OFFLINE" -> word).offline, word))
    assert(settings("TRANSFORMERS_OFFLINE" -> "1").offline)
    assert(settings("HF_HUB_DOWNLOAD_TIMEOUT" -> "12.5").timeout == Duration.ofMillis(12500))
    assert(
      invalid(settings("HF_HUB_DOWNLOAD_TIMEOUT" -> "soon")) ==
        "Cannot use HF_HUB_DOWNLOAD_TIMEOUT: it is no number of seconds. Give a number, such as 30."
    )
  }

  test("proxies are those of curl's variables") {
    def way(uri: String, environment: (String, String)*): String = {
      val proxies = HubProxies.of(environment.toMap.asJava).select(URI.create(uri)).asScala
      assert(proxies.size == 1)
      if (proxies.head == Proxy.NO_PROXY) "directly"
      else
        proxies.head.address.asInstanceOf[java.net.InetSocketAddress].getHostString + ":" +
          proxies.head.address.asInstanceOf[java.net.InetSocketAddress].getPort
    }
    val proxy = "https_proxy" -> "http://proxy:3128"
    assert(way("https://huggingface.co/x", proxy) == "proxy:3128")
    assert(way("https://huggingface.co/x", "HTTPS_PROXY" -> "proxy:81") == "proxy:81")
    assert(way("http://mirror/x", proxy) == "directly")
    assert(way("http://mirror/x", "all_proxy" -> "http://proxy") == "proxy:80")
    assert(way("https://huggingface.co/x", proxy, "no_proxy" -> "localhost,.huggingface.co") == "directly")
    assert(way("https://cdn.huggingface.co/x", proxy, "no_proxy" -> "huggingface.co") == "directly")
    assert(way("https://nothuggingface.co/x", proxy, "no_proxy" -> "huggingface.co") == "proxy:3128")
    assert(way("https://mirror:8443/x", proxy, "NO_PROXY" -> "mirror:443") == "proxy:3128")
    assert(way("https://mirror:8443/x", proxy, "NO_PROXY" -> "mirror:8443") == "directly")
    assert(way("https://huggingface.co/x", proxy, "no_proxy" -> "*") == "directly")
    val message = invalid(HubProxies.of(Map("https_proxy" -> "socks://me:topsecret@proxy").asJava))
    assert(
      message == "Cannot use the proxy of https_proxy or all_proxy: it is no address of an HTTP proxy. Write it as " +
        "http://host:port, or unset the variable."
    )
  }

  test("a download goes through the proxy") {
    world() { world =>
      // a proxy that answers itself: the hub's server takes whole addresses as paths, too
      val hub = world.hub("HF_ENDPOINT" -> "http://hub.invalid", "http_proxy" -> world.server.endpoint)
      assert(names(hub.fetch(model("org/tiny"))) == needed)
    }
  }
}
