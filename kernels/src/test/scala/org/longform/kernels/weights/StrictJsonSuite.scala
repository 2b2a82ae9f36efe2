package org.longform.kernels.weights

import java.nio.file.Files

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

class StrictJsonSuite extends AnyFunSuite {

  private def read(text: String): java.util.Map[String, AnyRef] = TempDirectory.use { directory =>
    Files.writeString(directory.resolve("x.json"), text)
    StrictJson.readObject(directory.resolve("x.json"), 2000)
  }

  private def refusal(text: String): String = {
    val error = intercept[LongformException](read(text))
    assert(error.errorClass === ErrorClass.INVALID_MODEL)
    error.getMessage
  }

  test("values come as plain Java objects") {
    val values =
      read("""{"i":1,"l":12345678901,"d":1e-5,"t":true,"n":null,"s":"x","a":[1,[2]],"o":{"k":"v"}}""")
    assert(values.get("i") === 1)
    assert(values.get("l") === 12345678901L)
    assert(values.get("d") === 1e-5)
    assert(values.get("t") === true)
    assert(values.containsKey("n") && values.get("n") == null)
    assert(values.get("a").toString === "[1, [2]]")
    assert(values.get("o").toString === "{k=v}")
  }

  test("what is not one bounded JSON object is refused") {
    assert(refusal("").contains("does not hold a JSON object"))
    assert(refusal("[1]").contains("does not hold a JSON object"))
    assert(refusal("{\"a\":1").contains("is not JSON as it should be"))
    assert(refusal("{} 1").contains("something follows the JSON object"))
    assert(refusal("{\"a\":1,\"a\":2}").contains("Duplicate field 'a'"))
    assert(refusal("{\"a\":" + "[" * 500 + "]" * 500 + "}").contains("depth"))
    assert(refusal("{\"a\":" + "9" * 900 + "}").contains("is not JSON as it should be"))
    assert(refusal("{\"a\":\"" + "9" * 3000 + "\"}").contains("it has 3008 bytes, expected at most 2000"))
    TempDirectory.use { directory =>
      val error = intercept[LongformException](StrictJson.readObject(directory.resolve("no.json"), 10))
      assert(error.getMessage.contains("no.json': the file does not exist"))
    }
  }
}
