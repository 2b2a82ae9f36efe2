package org.longform.kernels

import com.tngtech.archunit.core.domain.{JavaClass, JavaClasses, JavaModifier}
import com.tngtech.archunit.core.importer.{ClassFileImporter, ImportOption}
import org.longform.kernels.context.{ContextFactory, ContextStrategies}
import org.longform.kernels.device.{DeviceProvider, Devices}
import org.longform.kernels.quantise.{QuantisationMethod, QuantisationMethods}
import org.longform.kernels.weights.checkpoint.{CheckpointFormat, CheckpointFormats}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** Imports go one way, nothing foreign shows in the API, and the lists are complete. */
class KernelsLayersSuite extends AnyFunSuite {
  private val ROOT = "org.longform.kernels."

  private val classes: JavaClasses = new ClassFileImporter()
    .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
    .importPackages("org.longform.kernels")

  private val all: Seq[JavaClass] =
    classes.toArray(Array.empty[JavaClass]).toSeq

  /** From the bottom: each layer may use the ones before it. Weights stand beside the stack. */
  private val allowed: Map[String, Set[String]] = {
    val stack = Seq("error", "method", "tensor", "cache", "attention", "device", "context")
    val lower = stack.zipWithIndex.map { case (layer, i) => layer -> stack.take(i).toSet }.toMap
    lower + ("weights" -> Set("error", "method", "tensor")) + ("model" -> (stack.toSet + "weights")) +
      ("quantise" -> (stack.toSet + "weights" + "model"))
  }

  private def layer(javaClass: JavaClass): Option[String] = {
    val name = javaClass.getPackageName + "."
    if (name.startsWith(ROOT)) Some(name.drop(ROOT.length).takeWhile(_ != '.')) else None
  }

  private def targets(from: JavaClass): Seq[JavaClass] = {
    val found = Seq.newBuilder[JavaClass]
    from.getDirectDependenciesFromSelf.forEach(d => found += d.getTargetClass.getBaseComponentType)
    found.result()
  }

  test("the whole of kernels is scanned") {
    assert(all.size > 40)
    assert(all.flatMap(layer(_)).toSet == allowed.keySet, "a package without a place in the layers")
  }

  test("imports go model, context, device, attention, cache, tensor; weights only to tensor and method") {
    val wrong = for {
      from <- all
      here <- layer(from).toSeq
      to <- targets(from)
      there <- layer(to)
      if here != there && !allowed(here).contains(there)
    } yield s"${from.getName} uses ${to.getName}"
    assert(wrong.distinct.isEmpty)
  }

  test("a device is known to nobody but the list of devices") {
    val devices = Seq("nd4j", "reference", "cuda").map(ROOT + "device." + _)
    val wrong = for {
      from <- all
      to <- targets(from)
      home <- devices
      if to.getPackageName == home && from.getPackageName != home
      if from.getName != classOf[Devices].getName
    } yield s"${from.getName} uses ${to.getName}"
    assert(wrong.distinct.isEmpty)
  }

  test("only its device uses ND4J, and nobody uses Spark") {
    val wrong = for {
      from <- all
      to <- targets(from)
      name = to.getPackageName
      if name.startsWith("org.apache.spark") ||
        (name.startsWith("org.nd4j") && from.getPackageName != ROOT + "device.nd4j")
    } yield s"${from.getName} uses ${to.getName}"
    assert(wrong.distinct.isEmpty)
  }

  test("the public API shows neither Spark nor JSON nor ND4J") {
    val foreign = Seq("org.apache.spark", "com.fasterxml", "org.nd4j")
    def public(modifiers: java.util.Set[JavaModifier]) =
      modifiers.contains(JavaModifier.PUBLIC) || modifiers.contains(JavaModifier.PROTECTED)
    val shown = Seq.newBuilder[(String, String)]
    for (owner <- all if public(owner.getModifiers)) {
      owner.getCodeUnits.forEach { unit =>
        if (public(unit.getModifiers)) {
          unit.getRawParameterTypes.forEach(t => shown += unit.getFullName -> t.getName)
          shown += unit.getFullName -> unit.getRawReturnType.getName
        }
      }
      owner.getFields.forEach { field =>
        if (public(field.getModifiers)) shown += field.getFullName -> field.getRawType.getName
      }
      owner.getRawSuperclass.ifPresent(parent => shown += owner.getName -> parent.getName)
    }
    val signatures = shown.result()
    assert(signatures.size > 100)
    assert(signatures.filter { case (_, name) => foreign.exists(name.startsWith(_)) }.isEmpty)
  }

  private def implementations(contract: Class[_]): Set[String] =
    all
      .filter(c => c.isAssignableTo(contract) && !c.isInterface)
      .filterNot(_.getModifiers.contains(JavaModifier.ABSTRACT))
      .map(_.getName)
      .toSet

  private def listed(list: java.util.List[_]): Set[String] =
    list.toArray.map(_.getClass.getName).toSet

  test("every device is in the list of devices") {
    assert(implementations(classOf[DeviceProvider]) == listed(Devices.ALL))
  }

  test("every context strategy is in the list of strategies") {
    assert(implementations(classOf[ContextFactory]) == listed(ContextStrategies.ALL))
  }

  test("every quantisation method is in the list of methods") {
    assert(implementations(classOf[QuantisationMethod]) == listed(QuantisationMethods.ALL))
  }

  test("every checkpoint format is in the list of formats, and no two read the same method") {
    assert(implementations(classOf[CheckpointFormat]) == listed(CheckpointFormats.ALL))
    val methods = CheckpointFormats.ALL.asScala.flatMap(_.methods().asScala)
    assert(methods.distinct == methods)
  }

  test("names in the lists are unique and fit a command line") {
    val devices = Devices.ALL.toArray(Array.empty[DeviceProvider]).map(_.name()).toSeq
    val contexts = ContextStrategies.ALL.toArray(Array.empty[ContextFactory]).map(_.name()).toSeq
    for (names <- Seq(devices, contexts)) {
      assert(names.distinct == names)
      assert(names.forall(_.matches("[a-z][a-z0-9-]*")) && !names.contains(Devices.AUTO))
    }
  }
}
