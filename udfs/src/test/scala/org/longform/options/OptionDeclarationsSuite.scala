package org.longform.options

import com.tngtech.archunit.core.importer.{ClassFileImporter, ImportOption}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

import java.lang.reflect.Modifier
import scala.collection.JavaConverters._

class OptionDeclarationsSuite extends AnyFunSuite {
  private val all: Seq[Option[_]] = AllOptions.ALL.asScala.toSeq

  test("every option that is declared is in the list") {
    val declared = new ClassFileImporter()
      .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
      .importPackages("org.longform.options")
      .asScala
      .flatMap(_.reflect().getDeclaredFields.toSeq)
      .filter(field => field.getType == classOf[Option[_]] && Modifier.isStatic(field.getModifiers))
      .map { field =>
        field.setAccessible(true)
        field.getName -> field.get(null).asInstanceOf[Option[_]]
      }
      .toSeq
    assert(declared.size > 25)
    assert(declared.collect { case (name, option) if !all.contains(option) => name }.isEmpty)
  }

  test("every option has a doc that is a sentence, and a default text") {
    assert(all.size > 25)
    all.foreach { option =>
      assert(option.doc.length > 15 && option.doc.endsWith("."), option.name)
      assert(option.defaultText.nonEmpty, option.name)
    }
  }

  test("every default passes its own checks and survives text") {
    def check[T](option: Option[T]): Unit = option.defaultValue.ifPresent { value =>
      assert(option.checked(option.name, value) == value)
      assert(option.parse(option.name, option.`type`.format.apply(value)) == value, option.name)
    }
    all.foreach(option => check(option))
    assert(all.count(_.defaultValue.isPresent) > 15)
  }

  test("no two options share a name, an alias, a configuration key or a parameter name") {
    val callNames =
      all.flatMap(option => OptionNames.callNames(option).asScala.map(OptionNames.folded))
    assert(callNames.distinct.size == callNames.size)
    assert(all.map(_.confKey).distinct.size == all.size)
    assert(all.map(_.paramName).distinct.size == all.size)
    assert(all.map(_.flag).distinct.size == all.size)
  }

  test("names are kebab case and the spellings follow from them") {
    all.foreach(option => assert(option.name.matches("[a-z]+(-[a-z0-9]+)*"), option.name))
    val option = GenerationOptions.MAX_NEW_TOKENS
    assert(option.confKey == "spark.longform.maxNewTokens")
    assert(option.sqlKey == "max_new_tokens")
    assert(option.flag == "--max-new-tokens")
    assert(option.paramName == "maxNewTokens")
    assert(RuntimeOptions.SQL_PREFIX.confKey == "spark.longform.sql.prefix")
  }

  test("every option is found by each of its names") {
    for (option <- all; name <- OptionNames.callNames(option).asScala) {
      assert(OptionNames.ofCall(name) eq option)
    }
    for (option <- all) {
      assert(OptionNames.ofCall(option.flag) eq option)
      assert(OptionNames.ofCall(option.paramName) eq option)
      assert(OptionNames.ofConf(option.confKey) eq option)
    }
  }

  test("checks refuse values outside and name them") {
    val wrong = Seq(
      "max_new_tokens" -> "0",
      "temperature" -> "-0.1",
      "temperature" -> "101",
      "top_p" -> "0",
      "top_p" -> "1.01",
      "top_k" -> "-1",
      "min_p" -> "1.5",
      "repetition_penalty" -> "0",
      "stop" -> "",
      "evidence_count" -> "-1",
      "max_words" -> "-1",
      "max_input_tokens" -> "0",
      "model" -> " ",
      "kv_directory" -> " ",
      "sql_prefix" -> "1a"
    )
    wrong.foreach { case (key, text) =>
      val error = intercept[LongformException](Options.ofCall(Map(key -> text).asJava))
      assert(error.errorClass == ErrorClass.INVALID_OPTION)
      assert(error.getMessage.startsWith(s"Cannot use option '$key': it must"), error.getMessage)
    }
  }

  test("the configuration page has one row for each option and no broken table") {
    val page = ConfigDocs.markdown()
    val rows = page.linesIterator.filter(_.startsWith("| <a name=")).toSeq
    assert(rows.size == all.size)
    rows.foreach(row => assert(row.replace("\\|", "").count(_ == '|') == 7, row))
    all.foreach(option => assert(page.contains(s"`${option.confKey}`")))
    assert(page.contains("`max_new_tokens`, `max_tokens`"))
  }
}
