package org.longform.hub

import java.net.{InetAddress, InetSocketAddress}
import java.nio.charset.StandardCharsets.UTF_8
import java.security.MessageDigest
import java.util.concurrent.{ConcurrentLinkedQueue, Executors}
import java.util.concurrent.atomic.AtomicInteger

import scala.collection.JavaConverters._
import scala.collection.concurrent.TrieMap

import com.sun.net.httpserver.{HttpExchange, HttpServer}

/** A repository of the fake hub.
  *
  * @param revisions
  *   branches and tags with their commits
  * @param files
  *   those of every commit
  * @param access
  *   open, gated, or private: the last two want the token
  */
case class FakeRepo(
    files: Map[String, Array[Byte]],
    revisions: Map[String, String] = Map("main" -> FakeHub.Commit),
    access: String = "open"
) {
  def commit(revision: String): Option[String] =
    revisions.get(revision).orElse(revisions.values.find(_ == revision))
}

/** What a server was asked. */
case class Call(server: String, method: String, path: String, headers: Map[String, String]) {
  def header(name: String): Option[String] = headers.get(name.toLowerCase)
  def file: String = path.replaceAll("\\?.*", "").replaceAll(".*/", "")
  override def toString: String = s"$server $method $path"
}

/** What behaves like the Hugging Face hub, on loopback: its own server, and one more, on another port, where
  * large files lie.
  */
class FakeHub extends AutoCloseable {
  private val threads = Executors.newCachedThreadPool()
  val calls = new ConcurrentLinkedQueue[Call]
  val repos = TrieMap.empty[String, FakeRepo]
  private val faults = new ConcurrentLinkedQueue[(Call => Boolean, AtomicInteger, HttpExchange => Unit)]
  private val main = start("hub", answer)
  private val large = start("large", answerLarge)

  val endpoint: String = address(main)
  val largeEndpoint: String = address(large)

  private def address(server: HttpServer) = s"http://127.0.0.1:${server.getAddress.getPort}"

  private def start(name: String, handle: (Call, HttpExchange) => Unit): HttpServer = {
    val server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress, 0), 50)
    server.setExecutor(threads)
    server.createContext(
      "/",
      exchange => {
        val headers = exchange.getRequestHeaders.asScala.map { case (key, values) =>
          key.toLowerCase -> values.get(0)
        }.toMap
        val uri = exchange.getRequestURI
        val query = Option(uri.getRawQuery).map("?" + _).getOrElse("")
        val call = Call(name, exchange.getRequestMethod, uri.getRawPath + query, headers)
        calls.add(call)
        try {
          val fault = faults.asScala.find { case (matches, left, _) =>
            matches(call) && left.getAndDecrement() > 0
          }
          fault.map(_._3(exchange)).getOrElse(handle(call, exchange))
        } finally exchange.close()
      }
    )
    server.start()
    server
  }

  /** The next requests of this kind are answered otherwise. */
  def fault(times: Int)(matches: Call => Boolean)(answer: HttpExchange => Unit): Unit =
    faults.add((matches, new AtomicInteger(times), answer))

  def forget(): Unit = {
    faults.clear()
    calls.clear()
  }

  def asked(method: String): Seq[Call] = calls.asScala.filter(_.method == method).toSeq

  private def answer(call: Call, exchange: HttpExchange): Unit = call.path match {
    case FakeHub.Api(id, revision) => inRepo(id, revision, exchange)(describe(id, _, _, exchange))
    case FakeHub.Resolve(id, revision, named) =>
      inRepo(id, revision, exchange) { (repo, commit) =>
        val name = FakeHub.decoded(named)
        exchange.getResponseHeaders.set("X-Repo-Commit", commit)
        repo.files.get(name) match {
          case None       => FakeHub.refuse(exchange, 404, "EntryNotFound", "Entry not found")
          case Some(body) => resolve(call, name, body, exchange)
        }
      }
    case _ => FakeHub.refuse(exchange, 404, "", "nothing here")
  }

  private def inRepo(id: String, revision: String, exchange: HttpExchange)(
      found: (FakeRepo, String) => Unit
  ): Unit = {
    val allowed = Option(exchange.getRequestHeaders.getFirst("Authorization"))
    repos.get(id) match {
      case None => FakeHub.refuse(exchange, 401, "RepoNotFound", "Repository not found")
      case Some(repo) if repo.access == "private" && !allowed.contains(s"Bearer ${FakeHub.Token}") =>
        FakeHub.refuse(exchange, 401, "RepoNotFound", "Repository not found")
      case Some(repo) if repo.access == "gated" && allowed.isEmpty =>
        FakeHub.refuse(exchange, 401, "GatedRepo", "Access to this model is restricted")
      case Some(repo) if repo.access == "gated" && !allowed.contains(s"Bearer ${FakeHub.Token}") =>
        FakeHub.refuse(exchange, 403, "GatedRepo", "Access to this model is restricted")
      case Some(repo) =>
        repo.commit(FakeHub.decoded(revision)) match {
          case None         => FakeHub.refuse(exchange, 404, "RevisionNotFound", "Invalid rev id")
          case Some(commit) => found(repo, commit)
        }
    }
  }

  private def describe(id: String, repo: FakeRepo, commit: String, exchange: HttpExchange): Unit = {
    val siblings = repo.files.keys.toSeq.sorted.map(name => s"""{"rfilename":"${FakeHub.json(name)}"}""")
    FakeHub.send(
      exchange,
      200,
      s"""{"id":"$id","sha":"$commit","siblings":[${siblings.mkString(",")}]}""".getBytes(UTF_8)
    )
  }

  private def resolve(call: Call, name: String, body: Array[Byte], exchange: HttpExchange): Unit = {
    val headers = exchange.getResponseHeaders
    if (FakeHub.isLarge(name)) {
      headers.set("X-Linked-Etag", s""""${FakeHub.sha256(body)}"""")
      headers.set("X-Linked-Size", body.length.toString)
      headers.set("Location", s"$largeEndpoint/${FakeHub.sha256(body)}?Signature=very-secret")
      exchange.sendResponseHeaders(302, -1)
    } else {
      headers.set("ETag", s""""${FakeHub.gitHash(body)}"""")
      FakeHub.sendRange(call, exchange, body)
    }
  }

  private def answerLarge(call: Call, exchange: HttpExchange): Unit = {
    val wanted = call.path.stripPrefix("/").replaceAll("\\?.*", "")
    repos.values.flatMap(_.files.values).find(FakeHub.sha256(_) == wanted) match {
      case None => FakeHub.refuse(exchange, 404, "", "no such object")
      case Some(body) =>
        exchange.getResponseHeaders.set("ETag", "\"of-another-kind\"")
        FakeHub.sendRange(call, exchange, body)
    }
  }

  override def close(): Unit = {
    main.stop(0)
    large.stop(0)
    threads.shutdownNow()
  }
}

object FakeHub {
  val Commit: String = "1234567890abcdef" * 2 + "12345678"
  val NextCommit: String = "fedcba0987654321" * 2 + "fedcba09"
  val Token = "hf_SecretOfTheTests"

  private val Api = "/api/models/([^/]+/[^/]+)/revision/([^/?]+)".r
  private val Resolve = "/([^/]+/[^/]+)/resolve/([^/]+)/([^?]+)".r

  def isLarge(name: String): Boolean = name.matches(".*\\.(safetensors|gguf|bin)")

  def hex(algorithm: String, bytes: Array[Byte]*): String = {
    val digest = MessageDigest.getInstance(algorithm)
    bytes.foreach(part => digest.update(part))
    digest.digest().map("%02x".format(_)).mkString
  }

  def sha256(bytes: Array[Byte]): String = hex("SHA-256", bytes)

  def gitHash(bytes: Array[Byte]): String =
    hex("SHA-1", s"blob ${bytes.length}\u0000".getBytes(UTF_8), bytes)

  private def decoded(text: String): String = java.net.URLDecoder.decode(text.replace("+", "%2B"), "UTF-8")

  private def json(text: String): String =
    text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n")

  def send(exchange: HttpExchange, status: Int, body: Array[Byte]): Unit =
    if (exchange.getRequestMethod == "HEAD") {
      exchange.getResponseHeaders.set("Content-Length", body.length.toString)
      exchange.sendResponseHeaders(status, -1)
    } else {
      exchange.sendResponseHeaders(status, if (body.isEmpty) -1 else body.length)
      if (body.nonEmpty) exchange.getResponseBody.write(body)
    }

  def refuse(exchange: HttpExchange, status: Int, code: String, message: String): Unit = {
    if (code.nonEmpty) exchange.getResponseHeaders.set("X-Error-Code", code)
    exchange.getResponseHeaders.set("X-Error-Message", message)
    send(exchange, status, message.getBytes(UTF_8))
  }

  def sendRange(call: Call, exchange: HttpExchange, body: Array[Byte]): Unit =
    call.header("Range").map(_.stripPrefix("bytes=").stripSuffix("-").toInt) match {
      case Some(from) if from >= body.length => send(exchange, 416, Array.emptyByteArray)
      case Some(from) =>
        exchange.getResponseHeaders
          .set("Content-Range", s"bytes $from-${body.length - 1}/${body.length}")
        send(exchange, 206, body.drop(from))
      case None => send(exchange, 200, body)
    }

  /** Sends the beginning of a body, then cuts the connection. */
  def cut(exchange: HttpExchange, body: Array[Byte], after: Int): Unit = {
    exchange.sendResponseHeaders(200, body.length)
    exchange.getResponseBody.write(body, 0, after)
    exchange.getResponseBody.flush()
    exchange.close()
  }
}
