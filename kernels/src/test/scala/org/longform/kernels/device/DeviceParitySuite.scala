package org.longform.kernels.device

import org.longform.kernels.attention._
import org.longform.kernels.cache.Rows
import org.longform.kernels.device.cpu.CpuDevice
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.Tensor
import org.scalatest.funsuite.AnyFunSuite

/** Every case. */
object KernelCases {
  val ALL: Seq[KernelCase] = DenseCases.ALL ++ AttendCases.ALL ++ TopKeysCases.ALL ++ VotesCases.ALL ++
    SpansCases.ALL ++
    QueryRowsCases.ALL ++ KeyScoresCases.ALL ++ StoreCases.ALL
}

/** Every listed device against the reference: a new line in the list is picked up by itself. */
class DeviceParitySuite extends AnyFunSuite {
  private val reference = Devices.choose("reference").open(1)
  private val listed = Devices.ALL.toArray(Array.empty[DeviceProvider]).toSeq
  // every listed device, and the processor with each instruction set forced
  private val others = (listed ++ new CpuDevice().variants().toArray(Array.empty[DeviceProvider]))
    .filter(_.name() != "reference")

  test("there is a device beside the reference, and cases for each of its operations") {
    assert(others.exists(!_.whyUnavailable().isPresent))
    val operations =
      classOf[Kernels].getDeclaredMethods.filterNot(_.isSynthetic).map(_.getName).toSet -- Set(
        "weight",
        "memory",
        "pinnedMemory",
        "turn",
        "alikeRows",
        "prefetch",
        "forget"
      )
    assert(KernelCases.ALL.map(_.operation).toSet == operations)
  }

  for (provider <- others) {
    if (provider.whyUnavailable().isPresent) {
      test(s"${provider.name()} says why it cannot be used") {
        assert(provider.whyUnavailable().get().length > 10)
        val refused = intercept[LongformException](Devices.choose(provider.name()))
        assert(refused.errorClass() == ErrorClass.DEVICE_UNAVAILABLE)
      }
    } else {
      lazy val kernels = provider.open(2)
      for (kernelCase <- KernelCases.ALL) {
        test(s"${provider.name()} equals the reference: ${kernelCase.operation}, ${kernelCase.name}") {
          val counting = new CountingKernels(kernels)
          kernelCase.check(reference, counting.kernels)
          assert(counting.count(kernelCase.operation) > 0, "the device did not run")
        }
      }
    }
  }

  for (provider <- listed if !provider.whyUnavailable().isPresent) {
    val name = provider.name()

    test(s"$name refuses evicted rows in a plan with a sentence") {
      val setup = new AttendSetup(
        Sizes(2, 70, 2, 1, 4),
        AttendSetup.rope(4),
        1,
        _ => AttentionPlan.of(AttendSetup.segment(Rows.range(0, 72), AttendSetup.CAUSAL)),
        change = _.retain(Rows.range(20, 72))
      )
      val refused = intercept[LongformException](setup.run(provider.open(1)))
      assert(refused.errorClass() == ErrorClass.INVALID_PLAN)
      assert(
        refused.getMessage ==
          "Cannot attend: the plan is wrong, segment 0 selects tokens 0 to 72, the cache holds Rows{20..72}. This is a bug in the context strategy."
      )
    }

    test(s"$name refuses evicted candidates with a sentence") {
      val draws = new Draws(1)
      val cache = draws.cache(1, 4, 70, draws.uniform)
      val queries = draws.tensor(1, 4)
      try {
        cache.retain(Rows.range(64, 70))
        val refused = intercept[LongformException](
          provider
            .open(1)
            .topKeys(
              new TopKeysRequest(
                queries,
                cache.view(0),
                60,
                70,
                QueryRange.ALL,
                1,
                TopKeysRequest.Scoring.EXACT
              )
            )
        )
        assert(refused.errorClass() == ErrorClass.INVALID_PLAN)
        assert(refused.getMessage.contains("tokens 60 to 70 are asked for, the cache holds Rows{64..70}"))
      } finally {
        queries.close()
        cache.close()
      }
    }

    test(s"$name merges segments to exactly one softmax") {
      val sizes = Sizes(9, 130, 6, 2, 8)
      def of(parts: Rows*) = new AttendSetup(
        sizes,
        AttendSetup.rope(8),
        0.5,
        _ => AttentionPlan.of(parts.map(AttendSetup.segment(_, AttendSetup.CAUSAL)): _*)
      )
      val kernels = provider.open(1)
      val once = of(Rows.range(0, 139)).run(kernels)
      val parts = of(
        Rows.range(60, 61),
        Rows.range(61, 139),
        Rows.none(),
        Rows.builder().range(0, 9).range(20, 60).build(),
        Rows.range(9, 20)
      ).run(kernels)
      KernelCase.close("out", parts.out, once.out, Tolerances.ATTENTION)
      KernelCase.close("log-sum-exp", parts.logSumExp, once.logSumExp, Tolerances.ATTENTION)
    }

    test(s"$name keeps a NaN to the queries that see it") {
      // token 65 is the sixth of the block; a band of 4 lets tokens 65 to 68 see it
      val setup = new AttendSetup(
        Sizes(9, 60, 4, 2, 8),
        AttendSetup.rope(8),
        0.3,
        v => AttentionPlan.of(AttendSetup.segment(v.held(), new Band.Near(3))),
        spoiled = Set(65)
      )
      val rows = setup.run(provider.open(1)).out.grouped(32).toSeq
      assert(rows.map(_.exists(_.isNaN)) == Seq.tabulate(9)(t => t >= 5 && t <= 7))
      val sound = new AttendSetup(
        Sizes(9, 60, 4, 2, 8),
        AttendSetup.rope(8),
        0.3,
        v => AttentionPlan.of(AttendSetup.segment(v.held(), new Band.Near(3)))
      ).run(reference).out.grouped(32).toSeq
      for (t <- Seq(0, 1, 2, 3, 4, 8))
        KernelCase.close(s"token $t", rows(t), sound(t), Tolerances.ATTENTION)
    }

    test(s"$name refuses a product of shapes that do not fit") {
      val draws = new Draws(3)
      val (stored, memory) = draws.stored(org.longform.kernels.tensor.DType.F32, 5, 4)
      val x = draws.tensor(2, 3)
      val out = Tensor.allocate(2, 5)
      val kernels = provider.open(1)
      val weight = kernels.weight(stored)
      try {
        val refused = intercept[RuntimeException](kernels.matmul(x, weight, out))
        assert(refused.getMessage.startsWith("Cannot "))
      } finally {
        weight.close()
        out.close()
        x.close()
        memory.close()
      }
    }
  }

  test("a device that was asked for by a wrong name is refused with the known names") {
    val refused = intercept[LongformException](Devices.choose("abacus"))
    assert(refused.errorClass() == ErrorClass.INVALID_OPTION)
    assert(
      refused.getMessage ==
        s"Cannot use device 'abacus': it is unknown (known: auto, ${listed.map(_.name()).mkString(", ")})."
    )
  }

  test("auto chooses the first device that works") {
    val first = listed.find(!_.whyUnavailable().isPresent).get
    assert(Devices.choose("auto").name() == first.name())
  }

  test("several threads share one device") {
    val kernels = Devices.choose("nd4j").open(1)
    val setup =
      new AttendSetup(Sizes(33, 300, 4, 2, 16), AttendSetup.rope(16), 0.25, AttendSetup.causal)
    val expected = setup.run(reference).out
    val workers = (1 to 4).map { _ =>
      java.util.concurrent.CompletableFuture.supplyAsync(() => (1 to 5).map(_ => setup.run(kernels).out))
    }
    for (worker <- workers; found <- worker.get())
      KernelCase.close("out", found, expected, Tolerances.ATTENTION)
  }
}
