package org.longform.kernels.device

import org.longform.kernels.attention._
import org.longform.kernels.attention.PositionEncoding.Rope
import org.longform.kernels.cache.{KvDType, KvView, Rows}
import org.longform.kernels.device.AttendSetup._
import org.scalatest.Assertions._

/** Attention: block and cache sizes, head groups, encodings, bands and the corners of plans. */
object AttendCases {
  private final case class Case(
      name: String,
      setup: AttendSetup,
      tolerance: Double,
      more: Attended => Unit
  ) {
    def stored(dtype: KvDType): KernelCase = {
      val stored = setup.stored(dtype)
      KernelCase("attend", s"$name, cache $dtype") { (reference, device) =>
        more(stored.compare(reference, device, tolerance))
      }
    }
  }

  private def attend(name: String, setup: AttendSetup, tolerance: Double)(
      more: Attended => Unit = _ => ()
  ): Case = Case(name, setup, tolerance, more)

  private def scaled(sizes: Sizes): Double = 1 / math.sqrt(sizes.headDim.toDouble)

  private def plain(
      name: String,
      sizes: Sizes,
      plan: KvView => AttentionPlan = causal,
      encoding: Option[PositionEncoding] = None,
      tolerance: Double = Tolerances.ATTENTION
  )(more: Attended => Unit = _ => ()): Case = attend(
    name,
    new AttendSetup(sizes, encoding.getOrElse(rope(sizes.headDim)), scaled(sizes), plan),
    tolerance
  )(more)

  private def segments(parts: Segment*): AttentionPlan = AttentionPlan.of(parts: _*)

  private val blocks: Seq[Case] =
    DenseCases.SIZES.filter(_ < 1000).map { tokens =>
      plain(s"a first block of $tokens", Sizes(tokens, 0, 6, 2, 8))()
    } ++ DenseCases.SIZES.map { past =>
      plain(s"3 tokens after $past", Sizes(3, past, 4, 2, 8))()
    } ++ Seq(
      plain("one token after several tiles of keys", Sizes(1, 9000, 2, 1, 8))(),
      plain("more rows than one pass takes", Sizes(300, 10, 4, 2, 4))(),
      plain("several tiles under many rows", Sizes(70, 2600, 3, 1, 4))(),
      plain("one token after 5000", Sizes(1, 5000, 4, 2, 64))(),
      plain("3 tokens after 2000, one key/value head", Sizes(3, 2000, 4, 1, 32))(),
      plain("a long first block", Sizes(512, 0, 4, 2, 32))(),
      plain("a long block after others", Sizes(512, 200, 2, 1, 16))()
    )

  private val heads: Seq[Case] = for {
    (what, sizes) <- Seq(
      "every head its own keys" -> Sizes(9, 70, 3, 3, 16),
      "3 heads share keys" -> Sizes(9, 70, 6, 2, 16),
      "8 heads share keys" -> Sizes(9, 70, 16, 2, 16),
      "all heads share keys" -> Sizes(9, 70, 5, 1, 16),
      "a head of odd width" -> Sizes(9, 70, 4, 2, 10),
      "heads of 64, each its own keys" -> Sizes(9, 130, 2, 2, 64),
      "heads of 64, 4 share keys" -> Sizes(9, 130, 8, 2, 64),
      "heads of 64, 8 share keys" -> Sizes(9, 130, 8, 1, 64),
      "heads of 80" -> Sizes(9, 70, 4, 2, 80),
      "heads of 96" -> Sizes(9, 70, 4, 2, 96),
      "heads of 128" -> Sizes(9, 70, 5, 1, 128),
      "heads of 256" -> Sizes(9, 70, 2, 1, 256)
    )
    tokens <- Seq(1, 9)
  } yield plain(s"$what, $tokens tokens", sizes.copy(tokens = tokens))()

  private def frequencies(pairs: Int): Array[Double] =
    Array.tabulate(pairs)(i => math.pow(10000, -i.toDouble / pairs))

  private val encodings: Seq[Case] = {
    val sizes = Sizes(17, 50, 4, 2, 16)
    Seq(
      "interleaved pairs" -> new Rope(frequencies(8), 1, Rope.Layout.INTERLEAVED),
      "half of the head rotated" -> new Rope(frequencies(4), 1, Rope.Layout.HALF_SPLIT),
      "half of the head rotated, interleaved" ->
        new Rope(frequencies(4), 1, Rope.Layout.INTERLEAVED),
      "a factor on cosine and sine" -> new Rope(frequencies(8), 1.2, Rope.Layout.HALF_SPLIT),
      "linear biases" -> new PositionEncoding.Alibi(Array(0.5, 0.25, 0.125, 0.0625))
    ).map { case (what, encoding) => plain(what, sizes, encoding = Some(encoding))() } ++ Seq(
      "interleaved pairs" -> new Rope(frequencies(32), 1.1, Rope.Layout.INTERLEAVED),
      "half of the head rotated" -> new Rope(frequencies(16), 1, Rope.Layout.HALF_SPLIT),
      "half of the head rotated, interleaved" ->
        new Rope(frequencies(16), 1, Rope.Layout.INTERLEAVED),
      "linear biases" -> new PositionEncoding.Alibi(Array.tabulate(6)(h => 0.5 / (1 + h)))
    ).map { case (what, encoding) =>
      plain(s"$what, one token, heads of 64", Sizes(1, 150, 6, 2, 64), encoding = Some(encoding))()
    } :+
      plain(
        "linear biases over 4000 tokens",
        Sizes(2, 4000, 2, 1, 8),
        encoding = Some(new PositionEncoding.Alibi(Array(0.25, 0.001))),
        tolerance = Tolerances.LONG_BIAS
      )()
  }

  private val far = 200000000L

  private val positions: Seq[Case] = {
    val sizes = Sizes(9, 100, 4, 2, 16)
    def all(keys: KeyPositions, queries: QueryPositions)(view: KvView) =
      segments(Segment.of(view.held(), keys, queries, CAUSAL))
    Seq(
      "positions near 2e8" -> all(
        new KeyPositions.Contiguous(far),
        new QueryPositions.Shifted(far.toDouble)
      ) _,
      "packed positions" -> all(new KeyPositions.Contiguous(3), TRUE_QUERIES) _,
      "one position for all keys" -> all(new KeyPositions.Constant(7), TRUE_QUERIES) _,
      "positions between whole numbers" -> all(
        new KeyPositions.Constant(7.25),
        new QueryPositions.Shifted(-0.5)
      ) _,
      "strided keys and one query position" -> all(
        new KeyPositions.Strided(5, 2, 3),
        new QueryPositions.Constant(40)
      ) _,
      "negative positions" -> all(
        new KeyPositions.Contiguous(-300),
        new QueryPositions.Shifted(-300)
      ) _
    ).flatMap { case (what, plan) =>
      Seq(
        plain(what, sizes, plan)(),
        plain(s"$what, one token, heads of 32", Sizes(1, 300, 6, 2, 32), plan)()
      )
    }
  }

  /** Overlapping stretches of positions with gaps, as merged chunks have them. */
  private def listed(count: Int): Array[Double] =
    Array.tabulate(count)(i => (i % 37 + (i / 7) % 5 * 3).toDouble)

  private val listedPositions: Seq[Case] = {
    def plan(count: Int)(view: KvView) = {
      val keys = new KeyPositions.Listed(0, listed(count))
      segments(
        Segment.of(view.held(), keys, new QueryPositions.Listed(0, listed(count)), CAUSAL)
      )
    }
    def fractions(view: KvView) = segments(
      Segment.of(
        Rows.range(20, 109),
        new KeyPositions.Listed(20, Array.tabulate(89)(i => i * 0.75 - 9)),
        new QueryPositions.Listed(100, Array.tabulate(9)(i => 70.5 + i)),
        CAUSAL
      ),
      segment(Rows.range(0, 20).clip(0, view.end()), CAUSAL)
    )
    def compact(view: KvView) = segments(
      Segment.of(
        Rows.range(0, 300),
        new KeyPositions.Listed(0, listed(300)),
        new QueryPositions.Shifted(-200),
        CAUSAL
      ),
      segment(view.held().clip(300, 1000), CAUSAL)
    )
    Seq(
      plain("a position for each token", Sizes(9, 100, 4, 2, 16), plan(109))(),
      plain("a position for each token, 130 tokens", Sizes(130, 0, 4, 2, 16), plan(130))(),
      plain("a position for each token, one token", Sizes(1, 300, 6, 2, 32), plan(301))(),
      plain(
        "a position for each token, interleaved",
        Sizes(1, 300, 6, 2, 32),
        plan(301),
        encoding = Some(new Rope(frequencies(16), 1.1, Rope.Layout.INTERLEAVED))
      )(),
      plain(
        "a position for each token, linear biases",
        Sizes(3, 100, 4, 2, 16),
        plan(103),
        encoding = Some(new PositionEncoding.Alibi(Array(0.5, 0.25, 0.125, 0.0625)))
      )(),
      plain("positions between whole numbers for a part of the tokens", Sizes(9, 100, 4, 2, 16), fractions)(),
      plain("a compact cache and tokens behind it", Sizes(5, 310, 4, 2, 16), compact)(),
      plain("a compact cache and one token behind it", Sizes(1, 310, 4, 2, 64), compact)()
    )
  }

  private val bands: Seq[Case] = {
    val sizes = Sizes(9, 100, 4, 2, 16)
    val mask = Array.tabulate(9, 9)((q, k) => k <= q && (k % 2 == q % 2 || k == 0))
    Seq[(String, KvView => AttentionPlan)](
      "a near band" -> (v => segments(segment(v.held(), new Band.Near(12)))),
      "a near band wider than the cache" -> (v => segments(segment(v.held(), new Band.Near(Long.MaxValue)))),
      "near and far" -> (v =>
        segments(
          segment(v.held(), new Band.Near(12)),
          Segment.of(
            Rows.range(0, 4),
            new KeyPositions.Constant(0),
            new QueryPositions.Constant(12),
            new Band.Far(12)
          )
        )
      ),
      "distances between two bounds" -> (v =>
        segments(segment(v.held(), new Band.Between(5, 40)), segment(v.held(), new Band.Near(2)))
      ),
      "distances between two bounds of which one is beyond the cache" -> (v =>
        segments(
          segment(v.held(), new Band.Between(90, Long.MaxValue)),
          segment(v.held(), new Band.Between(0, 1))
        )
      ),
      "a plan within a window" -> (v =>
        segments(
          segment(v.held(), new Band.Near(12)),
          Segment.of(
            Rows.range(0, 90),
            new KeyPositions.Constant(0),
            new QueryPositions.Constant(12),
            new Band.Far(12)
          ),
          segment(v.held(), new Band.Far(30))
        ).within(25)
      ),
      "a tree of drafts" -> (v => segments(segment(v.held(), new Band.Tree(100, mask)))),
      "a tree with a draft that sees nothing" -> (_ =>
        segments(
          segment(Rows.range(100, 109), new Band.Tree(100, mask.updated(3, new Array[Boolean](9))))
        )
      )
    ).map { case (what, plan) => plain(what, sizes, plan)() } :+
      plain(
        "a tree of one draft",
        sizes.copy(tokens = 1, past = 108),
        v => segments(segment(v.held(), new Band.Tree(108, Array(Array(true)))))
      )()
  }

  private val lists: Seq[Case] = {
    val sizes = Sizes(9, 200, 6, 2, 8)
    def perGroup(groups: Int): Rows = {
      val builder = Rows.builder()
      for (g <- 0 until groups) {
        builder.range(3L * g, 3L * g + 5).range(70L + g, 150L - 2 * g).range(200, 209).endGroup()
      }
      builder.build()
    }
    Seq[(String, KvView => AttentionPlan)](
      "one list for each key/value head" -> (_ => segments(segment(perGroup(2), CAUSAL))),
      "one list for each query head" -> (_ => segments(segment(perGroup(6), CAUSAL))),
      "packed positions for each query head" -> (_ =>
        segments(
          Segment.of(
            perGroup(6),
            new KeyPositions.Contiguous(0),
            new QueryPositions.Shifted(-100),
            CAUSAL
          )
        )
      ),
      "single tokens" -> (_ => segments(segment(Rows.of((0L until 209L by 3): _*), CAUSAL))),
      "every other token and some ranges" -> (_ =>
        segments(
          segment(
            Rows
              .builder()
              .group((0L until 90L by 2) ++ (90L until 130L) ++ (131L until 209L by 7): _*)
              .build(),
            CAUSAL
          )
        )
      ),
      "an empty segment beside a full one" -> (v =>
        segments(segment(Rows.none(), CAUSAL), segment(v.held(), CAUSAL))
      ),
      "scales for each head" -> (v =>
        segments(
          segment(v.held(), CAUSAL)
            .withHeadScales(HeadScales.of(1.0, 0.9, 0.8, 0.75, 0.5, 0.25))
        )
      ),
      "a gain on one segment" -> (_ =>
        segments(
          segment(Rows.range(0, 100), CAUSAL).withLogitScale(1.3),
          segment(Rows.range(100, 209), CAUSAL)
        )
      ),
      "a gain that grows with the query's place" -> (v =>
        AttentionPlan.of(segment(v.held(), CAUSAL)).withGain(new QueryGain.LogLength(64))
      ),
      "positions that act otherwise than the model's" -> (v =>
        AttentionPlan
          .of(segment(v.held(), CAUSAL))
          .withEncoding(new Rope(Array(0.7, 0.1, 0.01, 0.0001), 1.1, Rope.Layout.HALF_SPLIT))
      ),
      "segments for a part of the queries" -> (_ =>
        segments(
          segment(Rows.range(0, 100), CAUSAL).forQueries(new QueryRange(0, 204)),
          segment(Rows.range(50, 209), CAUSAL).forQueries(new QueryRange(204, 1000)),
          segment(Rows.range(150, 209), CAUSAL).forQueries(new QueryRange(203, 204))
        )
      ),
      "a segment for queries of another block" -> (v =>
        segments(
          segment(v.held(), CAUSAL),
          segment(v.held(), CAUSAL).forQueries(new QueryRange(0, 100))
        )
      )
    ).flatMap { case (what, plan) =>
      Seq(
        plain(what, sizes, plan)(),
        plain(s"$what, one token, heads of 32", Sizes(1, 208, 6, 2, 32), plan)()
      )
    } :+
      plain(
        "linear biases with scales for each head",
        sizes,
        v =>
          segments(
            segment(v.held(), CAUSAL)
              .withHeadScales(HeadScales.of(1.0, 0.9, 0.8, 0.75, 0.5, 0.25))
              .withLogitScale(1.1)
          ),
        encoding = Some(new PositionEncoding.Alibi(Array(0.5, 0.2, 0.1, 0.05, 0.02, 0.01)))
      )()
  }

  private val corners: Seq[Case] = {
    val sizes = Sizes(9, 60, 4, 2, 8)
    Seq(
      plain(
        "queries that see nothing get zeros and -∞",
        Sizes(9, 0, 4, 2, 8),
        v => segments(segment(v.held(), new Band.Far(5)))
      ) { found =>
        assert(found.out.take(5 * 32).forall(_ == 0f), "output of the first 5 tokens")
        assert(found.logSumExp.take(5 * 4).forall(_ == Float.NegativeInfinity), "log-sum-exp")
        assert(found.logSumExp.drop(5 * 4).forall(!_.isInfinite), "log-sum-exp of the others")
      },
      plain("rows none for everyone", sizes, _ => segments(segment(Rows.none(), CAUSAL))) { found =>
        assert(found.out.forall(_ == 0f))
      },
      plain("one token alone", Sizes(1, 0, 4, 2, 8)) { found =>
        assert(found.mass == Map(0L -> 4.0))
      },
      attend(
        "logits of ±2000",
        new AttendSetup(sizes, rope(8), 1000, causal),
        Tolerances.LARGE_LOGITS
      )(),
      attend(
        "large logits under a soft cap",
        new AttendSetup(sizes, rope(8), 30, causal, softCap = 5),
        Tolerances.ATTENTION
      )(),
      attend(
        "a soft cap, one token, heads of 64",
        new AttendSetup(Sizes(1, 300, 6, 2, 64), rope(64), 2, causal, softCap = 50),
        10 * Tolerances.ATTENTION
      )(),
      attend(
        "a soft cap over linear biases and a gain",
        new AttendSetup(
          sizes,
          new PositionEncoding.Alibi(Array(0.5, 0.25, 0.125, 0.0625)),
          0.5,
          v => segments(segment(v.held(), CAUSAL).withLogitScale(1.3)),
          softCap = 3
        ),
        Tolerances.ATTENTION
      )(),
      plain(
        "nothing is rotated",
        sizes,
        encoding = Some(new Rope(Array.empty[Double], 1, Rope.Layout.HALF_SPLIT))
      )(),
      plain(
        "nothing is rotated, one token, heads of 64",
        Sizes(1, 150, 6, 2, 64),
        encoding = Some(new Rope(Array.empty[Double], 1, Rope.Layout.HALF_SPLIT))
      )(),
      attend(
        "tokens that are NaN but not selected",
        new AttendSetup(
          sizes,
          rope(8),
          0.3,
          _ => segments(segment(Rows.of(0, 5, 63, 64), CAUSAL)),
          spoiled = Set(1, 4, 6, 62, 65, 68)
        ),
        Tolerances.ATTENTION
      ) { found => assert(found.out.forall(!_.isNaN)) },
      attend(
        "retained tokens only",
        new AttendSetup(
          sizes,
          rope(8),
          0.3,
          causal,
          change = _.retain(Rows.builder().range(0, 4).range(40, 69).build())
        ),
        Tolerances.ATTENTION
      )(),
      attend(
        "retained tokens with many holes",
        new AttendSetup(
          Sizes(1, 700, 8, 2, 64),
          rope(64),
          0.125,
          causal,
          change = _.retain(Rows.of((0L until 700L).filter(row => row % 11 < 3 || row > 600) :+ 700L: _*))
        ),
        Tolerances.ATTENTION
      )()
    )
  }

  val ALL: Seq[KernelCase] = for {
    dtype <- KvDType.values().toSeq
    one <- blocks ++ heads ++ encodings ++ positions ++ listedPositions ++ bands ++ lists ++ corners
  } yield one.stored(dtype)
}
