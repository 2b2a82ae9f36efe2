package org.longform.kernels.model.families

import org.longform.kernels.model.families.Naive.Vec

/** A tiny random model of a family and what it computes.
  *
  * @param name
  *   the published model that it has the layers of
  * @param naive
  *   the logits after each token of a text, computed without the engine
  * @param gguf
  *   the same model as llama.cpp's converter writes it, if it knows the family
  * @param blocks
  *   how many tokens are read at once, before the rest of the text is read one by one; one block where
  *   frequencies depend on the length of the text
  */
final case class FamilyCase(
    name: String,
    checkpoint: Checkpoint,
    naive: Seq[Int] => Seq[Vec],
    gguf: Option[GgufCopy] = None,
    blocks: Seq[Int] = FamilyCase.AwkwardBlocks
)

object FamilyCase {
  val AwkwardBlocks: Seq[Int] = Seq(1, 5, 13, 3, 9)
}

/** The list of golden models. To add one: one entry in the file of its family. */
object FamilyCases {
  val ALL: Seq[FamilyCase] = LlamaCases.ALL ++ MistralCases.ALL ++ MixtralCases.ALL ++ QwenCases.ALL ++
    Qwen3MoeCases.ALL ++ PhiCases.ALL ++ Gemma1Cases.ALL ++ GemmaCases.ALL ++ SmolLm3Cases.ALL ++
    Olmo2Cases.ALL ++ GraniteCases.ALL ++ InternLm2Cases.ALL ++ GptJCases.ALL ++ MptCases.ALL
}
