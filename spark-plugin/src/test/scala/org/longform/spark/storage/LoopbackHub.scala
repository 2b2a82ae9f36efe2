package org.longform.spark.storage

import java.net.{InetAddress, InetSocketAddress}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.security.MessageDigest
import java.util.concurrent.ConcurrentLinkedQueue

import scala.collection.JavaConverters._

import com.sun.net.httpserver.{HttpExchange, HttpServer}

/** The least that is a Hugging Face hub: one model, `org/tiny`, whose branch `main` moves on whenever
  * somebody has asked for it.
  */
class LoopbackHub(model: Path) extends AutoCloseable {
  val calls = new ConcurrentLinkedQueue[String]
  private val files =
    model.toFile.listFiles.map(file => file.getName -> Files.readAllBytes(file.toPath)).toMap
  private val server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress, 0), 50)
  private val threads = java.util.concurrent.Executors.newCachedThreadPool()
  private var moves = 0

  server.setExecutor(threads)
  server.createContext(
    "/",
    exchange =>
      try {
        calls.add(s"${exchange.getRequestMethod} ${exchange.getRequestURI}")
        answer(exchange)
      } finally exchange.close()
  )
  server.start()

  val endpoint: String = s"http://127.0.0.1:${server.getAddress.getPort}"

  def commit(move: Int): String = f"$move%040x"

  def count(call: String): Int = calls.asScala.count(_.matches(call))

  private def answer(exchange: HttpExchange): Unit = exchange.getRequestURI.getPath match {
    case LoopbackHub.Api(revision) =>
      val asked = synchronized {
        if (revision == "main") moves += 1
        if (revision == "main") commit(moves) else revision
      }
      val siblings = files.keys.map(name => s"""{"rfilename":"$name"}""").mkString(",")
      send(exchange, 200, s"""{"sha":"$asked","siblings":[$siblings]}""".getBytes(UTF_8))
    case LoopbackHub.Resolve(revision, name) if files.contains(name) =>
      val digest = MessageDigest.getInstance("SHA-256").digest(files(name))
      exchange.getResponseHeaders.set("ETag", "\"" + digest.map("%02x".format(_)).mkString + "\"")
      exchange.getResponseHeaders.set("X-Repo-Commit", revision)
      send(exchange, 200, files(name))
    case _ =>
      exchange.getResponseHeaders.set("X-Error-Code", "RepoNotFound")
      send(exchange, 404, Array.emptyByteArray)
  }

  private def send(exchange: HttpExchange, status: Int, body: Array[Byte]): Unit =
    if (exchange.getRequestMethod == "HEAD") {
      exchange.getResponseHeaders.set("Content-Length", body.length.toString)
      exchange.sendResponseHeaders(status, -1)
    } else {
      exchange.sendResponseHeaders(status, if (body.isEmpty) -1 else body.length)
      exchange.getResponseBody.write(body)
    }

  override def close(): Unit = {
    server.stop(0)
    threads.shutdownNow()
  }
}

object LoopbackHub {
  private val Api = "/api/models/org/tiny/revision/([^/]+)".r
  private val Resolve = "/org/tiny/resolve/([^/]+)/([^/]+)".r
}
