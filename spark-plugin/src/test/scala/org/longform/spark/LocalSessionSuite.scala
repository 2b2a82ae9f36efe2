package org.longform.spark

class LocalSessionSuite extends SparkSuite {

  test("suites that ask for the same settings share one session") {
    assert(LocalSession.of(sparkConf) eq spark)
  }

  test("Delta tables can be written and read by path and by SQL") {
    val table = emptyFolder().resolve("numbers").toString
    spark.range(3).write.format("delta").save(table)
    assert(spark.sql(s"SELECT count(*) FROM delta.`$table`").head().getLong(0) == 3L)
  }

  test("a session with other settings replaces the shared one") {
    val other = LocalSession.of(Map("spark.sql.shuffle.partitions" -> "3"))
    assert(other ne spark)
    assert(spark.sparkContext.isStopped)
    assert(other.conf.get("spark.sql.shuffle.partitions") == "3")
  }
}
