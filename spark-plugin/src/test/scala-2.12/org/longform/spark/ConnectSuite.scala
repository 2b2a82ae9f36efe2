package org.longform.spark

import java.io.ByteArrayInputStream
import java.net.ServerSocket
import java.util.UUID
import java.util.concurrent.TimeUnit

import scala.collection.JavaConverters._

import org.apache.arrow.memory.RootAllocator
import org.apache.arrow.vector.ipc.ArrowStreamReader
import org.apache.spark.connect.proto.{
  ExecutePlanRequest,
  Plan,
  Relation,
  SQL,
  SparkConnectServiceGrpc,
  UserContext
}
import org.apache.spark.sql.connect.SparkConnectPlugin
import org.scalatest.BeforeAndAfterAll
import org.sparkproject.connect.grpc.ManagedChannel
import org.sparkproject.connect.grpc.netty.NettyChannelBuilder

/** What a client of Spark Connect, who has none of our classes, gets from a server with the plugin. */
class ConnectSuite extends SparkSuite with BeforeAndAfterAll {
  private val port = {
    val socket = new ServerSocket(0)
    try socket.getLocalPort
    finally socket.close()
  }

  override protected def sparkConf: Map[String, String] = Map(
    "spark.plugins" -> s"${classOf[LongformPlugin].getName},${classOf[SparkConnectPlugin].getName}",
    "spark.connect.grpc.binding.port" -> port.toString
  )

  private lazy val channel: ManagedChannel =
    NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build()

  private val session = UUID.randomUUID().toString

  /** Rows of a query, each as text, columns joined by " | ". */
  private def rows(query: String): Seq[String] = {
    val relation = Relation.newBuilder.setSql(SQL.newBuilder.setQuery(query))
    val request = ExecutePlanRequest.newBuilder
      .setSessionId(session)
      .setUserContext(UserContext.newBuilder.setUserId("somebody"))
      .setPlan(Plan.newBuilder.setRoot(relation))
      .build()
    val stub = SparkConnectServiceGrpc.newBlockingStub(channel).withDeadlineAfter(4, TimeUnit.MINUTES)
    stub
      .executePlan(request)
      .asScala
      .filter(_.hasArrowBatch)
      .flatMap(response => decoded(response.getArrowBatch.getData.toByteArray))
      .toList
  }

  private def decoded(batch: Array[Byte]): Seq[String] = {
    val allocator = new RootAllocator()
    val reader = new ArrowStreamReader(new ByteArrayInputStream(batch), allocator)
    try {
      val found = Seq.newBuilder[String]
      while (reader.loadNextBatch()) {
        val root = reader.getVectorSchemaRoot
        for (row <- 0 until root.getRowCount) {
          found += root.getFieldVectors.asScala.map(_.getObject(row)).mkString(" | ")
        }
      }
      found.result()
    } finally {
      reader.close()
      allocator.close()
    }
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    spark // starts the server
  }

  override protected def afterAll(): Unit = {
    channel.shutdownNow()
    // other suites want a session without a server
    LocalSession.stop()
    super.afterAll()
  }

  private val text = "'Blue light doubles the leaf area of lettuce.'"

  test("a client asks, and the operator reads") {
    val answers = rows(
      s"SELECT ai_count_tokens(text), ai_ask_detail(text, 'What does blue light do?').error FROM VALUES ($text) AS t(text)"
    )
    assert(answers.size == 1 && answers.head.matches("\\d+ \\| null"), answers)
    val plan = rows(s"EXPLAIN SELECT ai_ask(text, 'What does blue light do?') FROM VALUES ($text) AS t(text)")
    assert(plan.mkString.contains("ReadDocuments"), plan)
  }

  test("the rows of a group are one document for a client, too") {
    val summaries = rows(
      s"SELECT k, ai_summarize_agg(text, n) IS NOT NULL FROM VALUES (1, 1, $text), (1, 2, $text), (2, 1, $text) AS t(k, n, text) GROUP BY k ORDER BY k"
    )
    assert(summaries == Seq("1 | true", "2 | true"))
  }

  test("a client may name no model that the server's owner did not allow, in an option or in its session") {
    val folder = emptyFolder()
    def refusal(options: String) =
      rows(
        s"SELECT ai_ask_detail(text, 'Why?'$options).error.message FROM VALUES ($text) AS t(text)"
      ).mkString
    val inOption = refusal(s", map('model', '$folder')")
    assert(
      inOption.contains(folder.toString) && inOption.contains("spark.longform.allowedModelPaths"),
      inOption
    )
    rows(s"SET spark.longform.model=$folder")
    try {
      val inSession = refusal("")
      assert(inSession.contains("spark.longform.allowedModelPaths"), inSession)
    } finally rows("RESET spark.longform.model")
    assert(refusal("") == "null")
  }
}
