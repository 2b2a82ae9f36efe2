package org.longform.prompt

/** The chats of each family written without its template: from what the model cards say about them. */
object ChatOracle {

  /** Who says what. */
  case class Turn(role: String, text: String)

  /** @param write
    *   whether the beginning of an answer stands at the end
    */
  case class Chat(system: Option[String], turns: Seq[Turn], write: Boolean)

  private val date = "07 Mar 2026"

  private def ifSet(condition: Boolean, text: String): String = if (condition) text else ""

  private def named(chat: Chat)(each: Turn => String): String = chat.turns.map(each).mkString

  /** Every message of its role in the same way. */
  private def uniform(chat: Chat, begin: String, answer: String)(
      message: (String, String) => String
  ): String =
    begin + chat.system.map(message("system", _)).getOrElse("") +
      named(chat)(t => message(t.role, t.text)) + ifSet(chat.write, answer)

  private def chatMl(chat: Chat, begin: String = ""): String =
    uniform(chat, begin, "<|im_start|>assistant\n")((role, text) => s"<|im_start|>$role\n$text<|im_end|>\n")

  private def llama3(chat: Chat): String =
    uniform(chat, "<s>", "<|start_header_id|>assistant<|end_header_id|>\n\n")((role, text) =>
      s"<|start_header_id|>$role<|end_header_id|>\n\n${text.trim}<|eot_id|>"
    )

  private def llama31(day: String)(chat: Chat): String =
    llama3(
      chat.copy(system =
        Some(
          s"Cutting Knowledge Date: December 2023\nToday Date: $day\n\n" + chat.system
            .map(_.trim)
            .getOrElse("")
        )
      )
    ).replace(s"Today Date: $day<|eot_id|>", s"Today Date: $day\n\n<|eot_id|>")

  private def llama2(chat: Chat): String = {
    val system = chat.system.map(text => s"<<SYS>>\n$text\n<</SYS>>\n\n").getOrElse("")
    chat.turns.zipWithIndex.map { case (turn, i) =>
      if (turn.role == "user") s"<s>[INST] ${(ifSet(i == 0, system) + turn.text).trim} [/INST]"
      else s" ${turn.text.trim} </s>"
    }.mkString
  }

  /** @param behind
    *   what follows an answer
    */
  private def mistral1(behind: String)(chat: Chat): String =
    "<s>" + named(chat)(t => if (t.role == "user") s"[INST] ${t.text} [/INST]" else t.text + behind)

  /** The system prompt stands in the last turn. */
  private def mistral3(space: String, answer: String => String)(chat: Chat): String =
    "<s>" + chat.turns.zipWithIndex.map { case (turn, i) =>
      val system = ifSet(i == chat.turns.size - 1, chat.system.map(_ + "\n\n").getOrElse(""))
      if (turn.role == "user") s"[INST]$space$system${turn.text}[/INST]" else answer(turn.text) + "</s>"
    }.mkString

  private def phi35(chat: Chat): String =
    uniform(chat, "", "<|assistant|>\n")((role, text) => s"<|$role|>\n$text<|end|>\n") + ifSet(
      !chat.write,
      "</s>"
    )

  private def phi3(chat: Chat): String =
    "<s>" + named(chat)(t =>
      if (t.role == "user") s"<|user|>\n${t.text}<|end|>\n<|assistant|>\n" else s"${t.text}<|end|>\n"
    )

  private def gemma(chat: Chat): String =
    "<s>" + chat.turns.zipWithIndex.map { case (turn, i) =>
      val system = ifSet(i == 0, chat.system.map(_ + "\n\n").getOrElse(""))
      val role = if (turn.role == "user") "user" else "model"
      s"<start_of_turn>$role\n$system${turn.text.trim}<end_of_turn>\n"
    }.mkString + ifSet(chat.write, "<start_of_turn>model\n")

  private def olmo2(chat: Chat): String = {
    val turns = chat.system.map(Turn("system", _)).toSeq ++ chat.turns
    "<s>" + turns.zipWithIndex.map { case (turn, i) =>
      val last = i == turns.size - 1
      s"<|${turn.role}|>\n${turn.text}" +
        (if (turn.role == "assistant") "</s>" + ifSet(!last, "\n") else "\n")
    }.mkString + ifSet(chat.write, "<|assistant|>\n")
  }

  private def granite(chat: Chat): String = {
    val usual = "Knowledge Cutoff Date: April 2024. Today's Date: March 07, 2026. " +
      "You are Granite, developed by IBM. You are a helpful AI assistant."
    uniform(
      chat.copy(system = chat.system.orElse(Some(usual))),
      "",
      "<|start_of_role|>assistant<|end_of_role|>"
    )((role, text) => s"<|start_of_role|>$role<|end_of_role|>$text<|end_of_text|>\n")
  }

  private def smollm3(chat: Chat): String = {
    val words =
      "You are a helpful AI assistant named SmolLM, trained by Hugging Face. Think first, then answer."
    val custom = chat.system.map(_.replaceAll("\\s+$", "")).getOrElse(words)
    chatMl(
      chat.copy(
        system = Some(
          "## Metadata\n\nKnowledge Cutoff Date: June 2025\nToday Date: 07 March 2026\n" +
            s"Reasoning Mode: /think\n\n## Custom Instructions\n\n$custom\n\n"
        ),
        turns = chat.turns.map(t => if (t.role == "user") t else t.copy(text = t.text.replaceAll("^\n+", "")))
      )
    )
  }

  private def orElse(system: String)(chat: Chat): Chat = chat.copy(system = chat.system.orElse(Some(system)))

  /** A family's chats.
    *
    * @param system
    *   whether the template knows system messages
    */
  case class Family(render: Chat => String, system: Boolean = true)

  val families: Map[String, Family] = Map(
    "llama-2" -> Family(llama2),
    "llama-3" -> Family(llama3),
    "llama-3.1" -> Family(llama31("26 Jul 2024")),
    "llama-3.2" -> Family(llama31(date)),
    "mistral-v0.1" -> Family(mistral1("</s> "), system = false),
    "mixtral" -> Family(mistral1("</s>"), system = false),
    "mistral-v0.3" -> Family(mistral3(" ", text => " " + text.trim)),
    "mistral-nemo" -> Family(mistral3("", identity)),
    "qwen-2.5" -> Family(c =>
      chatMl(orElse("You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")(c))
    ),
    "qwen-3" -> Family(c => chatMl(c)),
    "phi-3" -> Family(phi3, system = false),
    "phi-3.5" -> Family(phi35),
    "gemma-2" -> Family(gemma, system = false),
    "gemma-3" -> Family(gemma),
    "smollm-2" -> Family(c =>
      chatMl(orElse("You are a helpful AI assistant named SmolLM, trained by Hugging Face")(c))
    ),
    "smollm-3" -> Family(smollm3),
    "olmo-2" -> Family(olmo2),
    "granite-3.3" -> Family(granite),
    "internlm-2.5" -> Family(c => chatMl(c, "<s>"))
  )
}
